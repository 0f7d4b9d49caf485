"""Who may open a connection to whom: a security group for each role and each server, and no unused rule."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from deploy.aws import contract
from deploy.aws.config import Stage
from deploy.aws.network import CIDR

KAFKA: Final = 9096
"""Where MSK's brokers speak SASL/SCRAM over TLS."""
POSTGRES: Final = 5432
GATEWAY: Final = 8080
DATABASE: Final = frozenset(
    {"gateway", "relay", "webhooks", "partners", "export", "ledger", "migrate", "admin"}
)
BUS: Final = frozenset({*contract.facts()["roles"], "topics", "users"})
OUTSIDE: Final = frozenset({"gateway", "partners", "webhooks"})
"""Roles that call addresses which customers name, at any port; the code refuses private ones."""
ONCE: Final = ("migrate", "topics", "users", "admin")
"""Tasks that run once: the first three as in compose.yaml, the last makes the first administrator."""


class Firewall(Construct):
    """The security groups. ``of`` a role or a task that runs once."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage, vpc: ec2.IVpc) -> None:
        super().__init__(scope, name)
        self._vpc = vpc
        self.kafka = self._group("Kafka", "brokers of Kafka")
        self.database = self._group("Database", "Postgres and its read replicas")
        self.balancer = self._group("Balancer", "load balancer of the gateway")
        self.of = {
            role: self._group(role.title(), f"tasks of {role}")
            for role in (*contract.facts()["roles"], *ONCE)
        }
        for role, group in self.of.items():
            self._let_out(role, group)
        self._let_in(stage)

    def _group(self, name: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, name, vpc=self._vpc, allow_all_outbound=False, description=description)

    def _let_out(self, role: str, group: ec2.SecurityGroup) -> None:
        if role in BUS:
            group.connections.allow_to(self.kafka, ec2.Port.tcp(KAFKA), f"{role} to Kafka")
        if role in DATABASE:
            group.connections.allow_to(self.database, ec2.Port.tcp(POSTGRES), f"{role} to Postgres")
        if role in OUTSIDE:
            group.add_egress_rule(
                ec2.Peer.any_ipv4(), ec2.Port.all_tcp(), "the store, and addresses of customers"
            )
        else:
            group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "the store, images, secrets, logs")

    def _let_in(self, stage: Stage) -> None:
        """Let requests in from CloudFront alone, whose addresses inside the network are not known before."""
        # The list counts as 55 of the 60 rules that a group may have: once, and not for the plain port too.
        cloudfront = ec2.Peer.prefix_list(stage.cloudfront_prefix_list)
        self.balancer.add_ingress_rule(cloudfront, ec2.Port.tcp(443), "CloudFront")
        inside = ec2.Peer.ipv4(CIDR)
        self.balancer.add_ingress_rule(inside, ec2.Port.tcp(443), "interfaces of CloudFront in this network")
        self.balancer.add_ingress_rule(inside, ec2.Port.tcp(80), "the same, to be redirected")
        self.balancer.connections.allow_to(self.of["gateway"], ec2.Port.tcp(GATEWAY), "requests")
