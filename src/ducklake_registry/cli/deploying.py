"""From options and the project's `[environment]` to what deploys it, on the laptop and in production."""

from __future__ import annotations

from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from ducklake_registry.cli.building import ImageSpec, Workshop
from ducklake_registry.cluster.client import Cluster
from ducklake_registry.engine import Engine
from ducklake_registry.errors import UsageError
from ducklake_registry.registry import RegistryClient
from ducklake_registry.workflows.deploy_environment import DeployEnvironment, FoundImage
from ducklake_registry.workflows.deploy_prod import DeployProd, check_checkout, release_tag
from ducklake_registry.workflows.image_names import Destination, find_checkout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ducklake_registry.cli.connection import ProdConnection
    from ducklake_registry.cluster.kubeconfig import Kubeconfig
    from ducklake_registry.project import Environment
    from ducklake_registry.step import Report, Step
    from ducklake_registry.workflows.deploy_environment import ListedImage
    from ducklake_registry.workflows.deploy_kind import DeployKind


@contextmanager
def laptop(
    workflow: DeployKind, environment: Environment | None, tags: Sequence[str], tell: Report, *, build: bool
) -> Iterator[list[Step]]:
    """Give the steps that make the laptop's cluster, and run the environment on it if there is one."""
    if environment is None:
        yield workflow.steps()
        return
    patience = workflow.deadline.seconds
    with closing(Engine(patience)) as engine, RegistryClient(workflow.address, timeout=patience) as client:
        workshop = Workshop(engine, client, patience, tell)
        images = [_listed(ImageSpec.listed(each), tags, workshop, build=build) for each in environment.builds]
        deployment = DeployEnvironment(workflow.cluster, environment, images, patience)
        bring = workflow.bring_step(deployment.images_from_elsewhere)
        yield [deployment.check_step(), *workflow.steps(), bring, *deployment.steps()]


def _listed(spec: ImageSpec, tags: Sequence[str], workshop: Workshop, *, build: bool) -> ListedImage:
    names = spec.names(tags, Destination.LOCAL)
    if build:
        return workshop.plan_push(spec, names)
    return FoundImage(workshop.client, names, "leave --no-build out, or name one that is there, like --tag latest")


@contextmanager
def production(
    environment: Environment | None,
    context: str | None,
    kubeconfig: Kubeconfig,
    connection: ProdConnection,
    tags: Sequence[str],
) -> Iterator[DeployProd]:
    """Give what deploys the environment in production; raises UsageError where anything of it is not said."""
    if environment is None:
        raise UsageError(
            "there is nothing to deploy: the project's settings have no [environment]",
            "list its manifests and images in dlr.toml",
        )
    if not context:
        raise UsageError("nobody says which context is production's", "export PROD_CONTEXT=NAME")
    if not connection.registry:
        raise UsageError("nobody says which registry is production's", "export PROD_REGISTRY=registry.example.com")
    tag = release_tag(tags)
    check_checkout(find_checkout(environment.source.parent))
    with connection.client() as client:
        there = environment.in_production()
        yield DeployProd(Cluster(context, kubeconfig), client, there, tag, connection.timeout)
