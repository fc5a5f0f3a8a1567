"""A dataset's rows and models' answers to them, in the browser: what `petoolbench explore` shows, and a Space."""
