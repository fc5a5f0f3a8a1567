"""A dataset's card: README.md with the YAML that `load_dataset` reads, made from the template `dataset_card.md`."""

from pathlib import Path
from typing import Any

import yaml
from datasets.info import DatasetInfosDict
from huggingface_hub import DatasetCard, DatasetCardData

from petoolbench import CITATION, FEATURES, SELECTIVITY, SETTINGS, SPLITS, all_configs
from petoolkit.dataset_files import WrittenSplit, config_entry, config_info
from petoolkit.dataset_record import CHAT, DatasetRecord
from petoolkit.evaluator.chat_rows import chat_features
from petoolkit.shipped import ROOT

from .authors import AUTHORS, any_asks_a_model

CARD_TEMPLATE = ROOT / "dataset_card.md"


def write_card(folder: Path, name: str, written: dict[tuple[str, str], WrittenSplit], record: DatasetRecord) -> None:
    """Write the card into a dataset's folder.

    Args:
        folder: where the files are.
        name: of the folder when it is complete.
        written: by config and split; the config `chat` too.
        record: the dataset's record.
    """
    present = [config for config in all_configs() if any(config == one for one, _ in written)]
    configs, infos = [], DatasetInfosDict()
    for config in [*present, CHAT]:
        splits = {split: written[config, split] for split in SPLITS if (config, split) in written}
        if splits:
            configs.append(config_entry(folder, config, splits, default=config == present[0]))
            infos[config] = config_info(config, chat_features() if config == CHAT else FEATURES, splits)
    total = sum(one.num_examples for (config, _), one in written.items() if config != CHAT)
    data = DatasetCardData(
        language="en",
        task_categories=["text-generation"],
        tags=["tool-use", "function-calling", "personalization"],
        size_categories=_size_category(total),
        pretty_name="PEToolBench",
        configs=configs,
        library_name="petoolbench",
    )
    infos.to_dataset_card_data(data)
    sizes = [
        {
            "config": config,
            **{split: written[config, split].num_examples for split in SPLITS if (config, split) in written},
        }
        for config in present
    ]
    values = {
        "folder": name,
        "sizes": sizes,
        "total": total,
        "citation": CITATION,
        **_card_values(record, present),
    }
    card = DatasetCard.from_template(data, template_path=str(CARD_TEMPLATE), **values)
    (folder / "README.md").write_text(str(card), encoding="utf-8")


def _card_values(record: DatasetRecord, configs: list[str]) -> dict[str, Any]:
    """Values of the card's template that are made of the record."""
    recipe = record.recipe or {}
    settings = [config for config in configs if config in SETTINGS]
    by_stage = recipe.get("author")
    names = by_stage.values() if isinstance(by_stage, dict) else [record.author]
    authors = [AUTHORS[name] for name in dict.fromkeys(names) if name in AUTHORS]
    return {
        "record": record,
        "chat": CHAT,
        "authors": authors,
        "model": recipe["llm"]["model"] if "llm" in recipe and any_asks_a_model(a.name for a in authors) else None,
        "recipe": yaml.safe_dump(recipe, sort_keys=False).strip() if recipe else None,
        "design": recipe.get("design"),
        "crossed": record.is_crossed,
        "assigned": recipe.get("blocks", {}).get("attributes") == "assigned",
        "settings": settings,
        "selectivity": SELECTIVITY if SELECTIVITY in configs else None,
        "mixed": [name for name in settings if SETTINGS[name].dislikes != "none"],
        "rated": [setting.name for setting in SETTINGS.values() if setting.is_rated],
    }


def _size_category(rows: int) -> str:
    for limit, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")):
        if rows < limit:
            return name
    return "1M<n<10M"
