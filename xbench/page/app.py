"""What `xbench serve` hands to Streamlit."""

from xbench.page import main

main()
