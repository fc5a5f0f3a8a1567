"""The explorer as a Space: it shows the dataset and the evaluations that `explorer.json` names."""

import json
from pathlib import Path

from petoolkit.explorer.server import PORT, explore

here = Path(__file__).parent
shown = json.loads((here / "explorer.json").read_text(encoding="utf-8"))
results = [here / name for name in shown["results"]]
explore(shown["dataset"], shown["revision"], results, host="0.0.0.0", port=PORT)  # where the Hub expects the page
