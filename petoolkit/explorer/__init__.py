"""A page in the browser that shows rows and models' answers: `petoolbench explore`, and a Space on the Hub."""
