"""Every case there is; those of the SDKs if all of them are installed."""

from __future__ import annotations

import importlib.util

from encode import event_cases, item_cases, template_cases, text_cases

SDKS = [importlib.util.find_spec(name) for name in ("ag_ui", "anthropic", "openai")]

CASES = item_cases.CASES + event_cases.CASES + template_cases.CASES + text_cases.CASES
if all(SDKS):
    from encode import sdk_cases

    CASES = CASES + sdk_cases.CASES
