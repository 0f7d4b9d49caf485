"""The three stages, synthesised once for all tests: as deployed, with cdk-nag, and without an account."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "1")

import aws_cdk as cdk

from deploy.aws import checks
from deploy.aws.app import Stacks, build
from deploy.aws.config import STAGES, Stage, load

Resource = dict[str, Any]


@dataclass
class Deployment:
    """A stage's stacks and their templates."""

    stage: Stage
    stacks: Stacks
    folder: Path

    @cached_property
    def documents(self) -> dict[str, dict[str, Any]]:
        """Return each stack's template: data, cluster, roles."""
        return {
            part: json.loads((self.folder / f"{self.stage.prefix}-{part}.template.json").read_text())
            for part in ("data", "cluster", "roles")
        }

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return logical id -> properties of all resources of a type, in all stacks."""
        return {
            name: each.get("Properties", {})
            for document in self.documents.values()
            for name, each in document["Resources"].items()
            if each["Type"] == kind
        }

    def one(self, kind: str) -> Resource:
        """Return the properties of the only resource of a type."""
        (found,) = self.of_type(kind).values()
        return found

    def task(self, name: str) -> Resource:
        """Return a task definition by its family."""
        return next(
            task
            for task in self.of_type("AWS::ECS::TaskDefinition").values()
            if task["Family"] == f"{self.stage.prefix}-{name}"
        )

    def container(self, name: str) -> Resource:
        """Return a role's container, or the one of a task that runs once."""
        return next(each for each in self.task(name)["ContainerDefinitions"] if each["Name"] == name)


def synthesise(folder: Path, *stages: Stage) -> dict[str, Deployment]:
    """Return the deployments by stage. Raises where a rule of cdk-nag is violated."""
    app = cdk.App(outdir=str(folder), analytics_reporting=False)
    found = {}
    for stage in stages:
        stacks = build(app, stage, tag="v1.2.3")
        checks.explain(stage, stacks.data, stacks.cluster, stacks.roles)
        found[stage.name] = Deployment(stage, stacks, folder)
    checks.watch(app)
    app.synth()
    return found


@pytest.fixture(scope="session")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployment]:
    return synthesise(tmp_path_factory.mktemp("cdk"), *map(load, STAGES))


@pytest.fixture(scope="session")
def production(synthesised: dict[str, Deployment]) -> Deployment:
    return synthesised["production"]


@pytest.fixture(scope="session", params=STAGES)
def each(request: pytest.FixtureRequest, synthesised: dict[str, Deployment]) -> Deployment:
    return synthesised[request.param]
