"""Loss and reward curves of a training run as a picture."""

from pathlib import Path

from petoolkit.extras import missing_package
from petoolkit.files import replacing

CURVES = "curves.png"
_MOST_POINTS_MARKED = 30
# Panels: title, and the names of the lines in the trainer's log.
_PANELS = (
    ("loss", ("loss", "eval_loss")),
    ("reward margin, chosen over rejected", ("rewards/margins", "eval_rewards/margins")),
    ("share of pairs with the chosen ahead", ("rewards/accuracies", "eval_rewards/accuracies")),
)


def draw_curves(history: list[dict], folder: Path) -> str | None:
    """Draw what a trainer logged over its steps into `curves.png`.

    Args:
        history: `trainer.state.log_history`: dictionaries with `step` and numbers by name.
        folder: where the picture goes.

    Returns:
        Why there is no picture, or `None`.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return f"No loss curves were drawn: {missing_package('they need', 'matplotlib', 'report')}"
    logged = {name for entry in history for name in entry}
    panels = [(title, [name for name in names if name in logged]) for title, names in _PANELS]
    panels = [(title, names) for title, names in panels if names]
    if not panels:
        return "No loss curves were drawn, since nothing was logged; lower logging_steps."
    figure = Figure(figsize=(5 * len(panels), 3.5), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name in names:
            points = [(entry["step"], entry[name]) for entry in history if name in entry]
            label = "validation" if name.startswith("eval_") else "training"
            marker = "." if len(points) < _MOST_POINTS_MARKED else None
            axes.plot(*zip(*points, strict=True), marker=marker, label=label)
        axes.set(title=title, xlabel="step")
        axes.legend()
    with replacing(folder / CURVES) as beside:
        figure.savefig(beside, format="png", dpi=150)
    return None
