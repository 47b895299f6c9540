"""Opens the leaderboard: `streamlit run app.py`, or `xbench serve` where xbench is installed."""

from xbench.page import main

main()
