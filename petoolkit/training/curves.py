"""Curves of a training run as a picture: loss, rewards, and scores of held-out calls."""

from pathlib import Path

from petoolkit.extras import missing_package
from petoolkit.files import replacing
from petoolkit.training.held_out_calls import CALL_SCORES
from petoolkit.training.rewards import REWARDS, logged_reward

CURVES = "curves.png"
_MOST_POINTS_MARKED = 30
_TRAINING, _VALIDATION = "training", "validation"


def _panels() -> list[tuple[str, dict[str, str]]]:
    """The title of each panel, and its lines: their labels by their names in the trainer's log."""
    accuracies = {"rewards/accuracies": _TRAINING, "eval_rewards/accuracies": _VALIDATION}
    return [
        ("loss", {"loss": _TRAINING, "eval_loss": _VALIDATION}),
        ("reward margin, chosen over rejected", {"rewards/margins": _TRAINING, "eval_rewards/margins": _VALIDATION}),
        ("share of pairs with the chosen ahead", accuracies),
        ("mean reward", {"reward": _TRAINING, "eval_reward": _VALIDATION}),
        ("mean of each reward, training", {logged_reward(name): name.replace("_", " ") for name in REWARDS}),
        ("held-out calls", CALL_SCORES),
    ]


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
    panels = [(title, {name: label for name, label in lines.items() if name in logged}) for title, lines in _panels()]
    panels = [(title, lines) for title, lines in panels if lines]
    if not panels:
        return "No loss curves were drawn, since nothing was logged; lower logging_steps."
    figure = Figure(figsize=(5 * len(panels), 3.5), layout="constrained")
    for axes, (title, lines) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for name, label in lines.items():
            points = [(entry["step"], entry[name]) for entry in history if name in entry]
            marker = "." if len(points) < _MOST_POINTS_MARKED else None
            axes.plot(*zip(*points, strict=True), marker=marker, label=label)
        axes.set(title=title, xlabel="step")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend()
    with replacing(folder / CURVES) as beside:
        figure.savefig(beside, format="png", dpi=150)
    return None
