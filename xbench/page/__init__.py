"""The leaderboard page: a Board drawn by Streamlit. It computes nothing itself.

Needs the extra `page`; torch is not needed. `xbench serve` opens it, and so does `streamlit run app.py`.
"""

from xbench.page.house import main

__all__ = ["main"]
