"""A run's report: what each stage kept and dropped, and what each eps of the grouping gives."""

from collections import Counter
from collections.abc import Sequence

from petoolkit.files import replacing
from petoolkit.text import markdown_table

from .recipe import Recipe
from .run_folder import RunFolder


def write_report(run: RunFolder, stages: Sequence[str], recipe: Recipe) -> None:
    """Write `report.md` into the run's folder, out of the stages' manifests and the groups."""
    manifests = {stage: run.manifest(stage) for stage in stages}
    groups = list(run.rows("group"))
    parts = [
        "# What this build kept and dropped",
        f"{recipe.users:,} users, seed {recipe.seed}, author `{recipe.authors}`.",
        markdown_table(
            ["stage", "rows", "seconds", "counts"],
            [
                [stage, f"{m['rows']:,}", m["seconds"], "; ".join(f"{what}: {n:,}" for what, n in m["counts"].items())]
                for stage, m in manifests.items()
            ],
        ),
        "## Grouping: what each eps gives",
        "Purity is the share of clustered tools that agree with most of their cluster, in category or parameters. A "
        "cluster is a chain of neighbours; it is split into groups that are uniform in what the recipe asks for, so a "
        "low purity loses tools. Purity does not show whether the descriptions within a group mean the same.",
        _sweep_table(manifests["group"]["extra"]["sweep"], recipe.group.eps),
        "Of the chosen eps, the clusters with tools of two or more providers, and how many still have such a part "
        "after each rule:",
        markdown_table(["rule", "clusters"], list(manifests["group"]["extra"]["rules"].items())),
        "## Groups",
        f"No two tools of a group are further apart than {recipe.group.max_distance:g}, a cosine distance; in the "
        f"widest group they are {max(group['largest_distance'] for group in groups):.2f} apart. Read some groups "
        "before you trust these values.",
        _group_table(groups),
        "## Rows",
        markdown_table(
            ["what", "number"], [[what, _shown(number)] for what, number in manifests["export"]["extra"].items()]
        ),
    ]
    # Encoders count over a whole build, so the last stage that has one knows most.
    embedding = [manifest["extra"] for manifest in manifests.values() if "texts embedded" in manifest["extra"]][-1]
    parts.append(
        f"The build that ended the last embedding stage embedded {embedding['texts embedded']:,} texts in "
        f"{embedding['seconds embedding']:.0f} s; the others were in the cache."
    )
    with replacing(run.folder / "report.md") as beside:
        beside.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _sweep_table(sweep: list[dict], chosen: float) -> str:
    columns = [
        "eps",
        "clusters",
        "tools clustered",
        "largest",
        "purity: category",
        "purity: parameters",
        "groups",
        "tools kept",
    ]
    rows = [
        [
            f"**{s['eps']}**" if s["eps"] == chosen else s["eps"],
            *(f"{s[key]:,}" for key in ("clusters", "clustered", "largest", "purity_category", "purity_parameters")),
            *(f"{s[key]:,}" for key in ("groups", "kept")),
        ]
        for s in sweep
    ]
    return markdown_table(columns, rows)


def _group_table(groups: list[dict]) -> str:
    by_category: dict[str, list[int]] = {}
    for group in groups:
        by_category.setdefault(group["category"], []).append(len(group["tools"]))
    everything = [size for sizes in by_category.values() for size in sizes]
    rows = [[name, len(sizes), sum(sizes), max(sizes)] for name, sizes in sorted(by_category.items())]
    rows.append(["**all**", len(everything), sum(everything), max(everything)])
    sizes = ", ".join(f"{count:,} of {size}" for size, count in sorted(Counter(everything).items()))
    return markdown_table(["category", "groups", "tools", "largest group"], rows) + f"\n\nSizes: {sizes}."


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {number:,}" for key, number in value.items())
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)
