"""The table of all forms in which a dataset, or evaluations, can be exported."""

from petoolkit.exporter.axolotl_form import AXOLOTL
from petoolkit.exporter.bfcl_form import BFCL
from petoolkit.exporter.every_eval_ever_form import EVERY_EVAL_EVER
from petoolkit.exporter.export_form import ExportForm
from petoolkit.exporter.jsonl_form import JSONL
from petoolkit.exporter.lm_eval_form import LM_EVAL
from petoolkit.exporter.trl_dpo_form import TRL_DPO, TRL_DPO_TOOLS
from petoolkit.exporter.trl_grpo_form import TRL_GRPO
from petoolkit.exporter.trl_sft_form import TRL_SFT, TRL_SFT_TOOLS

_ALL = (TRL_SFT, TRL_SFT_TOOLS, TRL_DPO, TRL_DPO_TOOLS, TRL_GRPO, AXOLOTL, BFCL, LM_EVAL, JSONL, EVERY_EVAL_EVER)
FORMS: dict[str, ExportForm] = {form.name: form for form in _ALL}
