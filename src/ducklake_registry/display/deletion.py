"""What would go with an image, for people who are about to delete it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from ducklake_registry.printable import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ducklake_registry.cluster.pods import RunningImage
    from ducklake_registry.workflows.delete_images import Doomed, Listed


def deletion(doomed: Sequence[Doomed], running: Sequence[RunningImage]) -> Text:
    """Return for each image: its digest, its tags, the indexes that list it, its parts, the pods that run it."""
    picture = Text()
    for each in doomed:
        picture.append(f"{each.registry}/{each.repository}\n", "bold").append(f"  {each.digest}\n")
        for name, value, style in _facts(each, each.users(running)):
            picture.append(f"  {name:<10}").append(f"{value}\n", style)
    picture.rstrip()
    return picture


def _facts(doomed: Doomed, users: Sequence[RunningImage]) -> list[tuple[str, str, str]]:
    others = ("stays as" if doomed.tag_only else "also as", ", ".join(doomed.other_tags), "yellow")
    above = "" if doomed.tag_only else ", ".join(tag for tag, _ in doomed.indexes)
    facts = [("tag", ", ".join(doomed.tags), ""), others, ("listed by", above, "yellow")]
    facts += map(_part, doomed.lists)
    pods = dict.fromkeys(f"pod {each.namespace}/{each.pod} ({each.image})" for each in users)
    facts += [("run by", pod, "red") for pod in pods]
    return [fact for fact in facts if fact[1]]


def _part(part: Listed) -> tuple[str, str, str]:
    """Tell what becomes of a part of an index, with the digest by which alone it may be found afterwards."""
    platform = one_line(part.platform)
    if part.goes:
        return "goes too", f"{platform}\n    {part.digest}", ""
    if part.names:
        return "stays", f"{platform}, found by {', '.join(part.names)}\n    {part.digest}", ""
    return "stays", f"{platform}, in no list (--with-platforms deletes it)\n    {part.digest}", "yellow"
