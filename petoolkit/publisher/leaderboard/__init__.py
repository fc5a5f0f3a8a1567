"""The leaderboard of evaluations on the same rows, as a page that needs no server."""
