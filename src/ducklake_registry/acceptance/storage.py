"""Storage: what is pushed is kept on a volume that has room, and outlives the pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ducklake_registry.acceptance import images
from ducklake_registry.acceptance.check import Category, Check, CheckFailed, CheckSkipped, Evidence, expect
from ducklake_registry.acceptance.context import IMAGES
from ducklake_registry.cluster import kinds
from ducklake_registry.cluster.diagnosis import pod_trouble
from ducklake_registry.cluster.workload import is_ready
from ducklake_registry.errors import RegistryError
from ducklake_registry.manifests import names
from ducklake_registry.reference import Digest
from ducklake_registry.reports.volume import disk, stored
from ducklake_registry.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from ducklake_registry.acceptance.context import Context
    from ducklake_registry.acceptance.site import Site
    from ducklake_registry.manifests import Object

_LEAST_FREE = 0.05
_MIB = 1024 * 1024


def claim(context: Context) -> Evidence:
    """The registry's folder is a claim's, and that is bound."""
    site = context.needs_site()
    volume = _volume(site.pod())
    name = volume.get("persistentVolumeClaim", {}).get("claimName")
    if not name:
        kind = next((key for key in volume if key != "name"), "no volume at all")
        raise CheckFailed(f"{names.FOLDER} is {kind}: its images are lost with the pod")
    found = site.cluster.get(kinds.CLAIM, name, site.namespace)
    phase = found["status"].get("phase") if found else "not there"
    expect(found and phase == "Bound", f"the claim {name} is {phase}")
    size = (found or {})["status"]["capacity"]["storage"]
    return Evidence(f"{name} is bound, {size} of class {(found or {})['spec'].get('storageClassName', 'none')}")


def mount(context: Context) -> Evidence:
    """The volume is mounted where the registry writes, and the registry may write there."""
    site = context.needs_site()
    mounts = [line.split() for line in site.run("cat", "/proc/mounts").output.splitlines()]
    found = next((fields for fields in mounts if fields[1] == names.FOLDER), None)
    if found is None:
        raise CheckFailed(f"nothing is mounted at {names.FOLDER} in the registry's pod")
    expect("rw" in found[3].split(","), f"{names.FOLDER} is mounted read-only")
    file = f"{names.FOLDER}/.dlr-acceptance-{context.run}"
    context.cleanup.add(file, lambda: site.run("rm", "-f", file), "cluster")
    ran = site.run("touch", file)
    expect(ran.status == 0, f"the registry's user cannot write there: {ran.errors.strip()}")
    user = site.run("id", "-u").output.strip()
    return Evidence(f"{found[2]} at {names.FOLDER}, written to by user {user}")


def content(context: Context) -> Evidence:
    """What is pushed is on that volume."""
    site = context.needs_site()
    blob = context.text("on the volume").encode()
    context.push_blob(IMAGES, blob)
    digest = Digest.of(blob)
    expect(site.has_blob(digest), f"{digest} was pushed, but is not on the volume of the cluster's registry")
    return Evidence(f"a blob of {len(blob)} bytes is there as a file")


def use(context: Context) -> Evidence:
    """The volume has room for more."""
    site = context.needs_site()
    pod = site.pod()
    kept, under = stored(site.cluster, pod), disk(site.cluster, pod)
    share = under.free / under.size
    text = f"{kept / _MIB:,.1f} MiB stored, {under.free / _MIB:,.0f} of {under.size / _MIB:,.0f} MiB free"
    expect(share >= _LEAST_FREE, f"the volume is full: {text}")
    return Evidence(text)


def restart(context: Context) -> Evidence:
    """What is stored is there when the pod was replaced."""
    site = context.needs_site()
    if not context.disruptive:
        raise CheckSkipped("it replaces the registry's pod: allow that with --disruptive")
    image = context.push_new(IMAGES, "restart", context.tag("kept"))
    old = {str(each["metadata"]["uid"]) for each in site.pods()}  # of several, another is no successor
    site.cluster.delete(kinds.POD, site.pod()["metadata"]["name"], site.namespace)
    new = _await_successor(context, site, old)
    images.comes_back(context, IMAGES, image)
    return Evidence(f"an image pushed before is there in pod {new}")


def _volume(pod: Object) -> Object:
    """Return the volume that the registry's folder is on; an empty one for none."""
    mounts = pod["spec"]["containers"][0].get("volumeMounts", ())
    name = next((each["name"] for each in mounts if each["mountPath"] == names.FOLDER), None)
    return next((each for each in pod["spec"].get("volumes", ()) if each["name"] == name), {})


def _await_successor(context: Context, site: Site, old: set[str]) -> str:
    """Wait until a pod that was none of the old ones has taken a place, and answers; return its name."""

    def probe() -> str | NotYet:
        new = next((each for each in site.pods() if each["metadata"]["uid"] not in old), None)
        if new is None or not is_ready(new):
            return NotYet((new and pod_trouble(new)) or "no new pod is ready")
        try:
            context.client.ping()
        except RegistryError as error:
            return NotYet(error.message)
        return str(new["metadata"]["name"])

    return wait_for("the registry's new pod", probe, context.deadline, interval=0.5)


CHECKS = (
    Check(Category.STORAGE, "claim", claim),
    Check(Category.STORAGE, "mount", mount),
    Check(Category.STORAGE, "content", content),
    Check(Category.STORAGE, "use", use),
    Check(Category.STORAGE, "restart", restart),
)
