"""Who serves models here: the known vendors, those of installed packages, and what the settings say of them all."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmgine_cli.providers.known_quirks import TEXT_ONLY
from llmgine_cli.providers.presets import VENDORS
from llmgine_cli.providers.quirks import Quirk, names_of, quirk_of
from llmgine_cli.providers.vendor import Vendor


def vendors(changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Vendor]:
    """Return everybody who serves models here, by name.

    Args:
        changes: What the settings say, as for `merged`.
    """
    from llmgine_cli.providers.installed import installed  # asks the machine, and is no matter for who merges rows

    theirs = {name: row for name, row in installed().items() if name not in VENDORS}
    return merged({**VENDORS, **theirs}, changes)


def merged(vendors: Mapping[str, Vendor], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Vendor]:
    """Add vendors, or change those that are known.

    Args:
        vendors: The known ones.
        changes: Name → what is otherwise: `protocol`, `base_url`, `api_key_env`, `headers`, or any field of `Vendor`;
            None means: not said. Tables add to what is known; quirks, as tables, come after those that are known.

    Returns:
        The known ones in their order, then the new ones.
    """
    result = dict(vendors)
    for name, table in changes.items():
        said = {key: value for key, value in table.items() if value is not None}
        if "api_key_env" in said:
            said["key_env"] = said.pop("api_key_env")
            said["more_key_envs"] = ()
        if "base_url" in said:
            # What a setting says is not overruled by a variable of the old address, nor by a region.
            said |= {"base_url_env": None, "region_urls": {}}
        known = result.get(name) or _unknown(name, said.get("protocol"), said.get("platform"))
        if "protocol" in said:  # it goes before what is known of single models
            known = replace(known, quirks=tuple(replace(quirk, protocol=None) for quirk in known.quirks))
            if said["protocol"] != known.protocol:  # and what one protocol calls its options, another does not
                known = replace(known, names={})
        for key in ("headers", "aliases", "routing"):
            if key in said:
                said[key] = {**getattr(known, key), **said[key]}
        if "names" in said:
            said["names"] = {**known.names, **names_of(said["names"])}
        if "quirks" in said:
            said["quirks"] = (*known.quirks, *(quirk_of(quirk) for quirk in said["quirks"]))
        result[name] = replace(known, **said)
    return result


def _unknown(name: str, protocol: str | None, platform: str | None) -> Vendor:
    """A vendor nobody knows: as generous as its protocol allows, or as a cloud's own row where it is one."""
    if platform is not None:
        return replace(VENDORS[platform], name=name)
    if protocol == "anthropic":
        return Vendor(name=name, takes_files=True, quirks=VENDORS["anthropic"].quirks)
    if protocol == "responses":
        return Vendor(name=name, thinkers=VENDORS["openai"].thinkers, takes_files=True)
    return Vendor(name=name, takes_files=True, call_signatures=True, quirks=(Quirk(models=TEXT_ONLY, images=False),))
