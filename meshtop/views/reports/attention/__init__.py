"""What needs attention: causes with their consequences, since when, who is hit, the worst by impact first.

`notice/` finds what is wrong, each kind of it in a file; `fold.py` puts consequences under their causes; `rank.py` says
what comes first; `view.py` is the kind `attention` that commands and screens show.
"""
