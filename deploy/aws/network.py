"""The private network: three zones, and only NAT gateways in its public part.

Roles have a way out, data has none. AWS's own services are reached inside the network where a stage pays for
that.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from deploy.aws.config import Stage

CIDR: Final = "10.40.0.0/16"
ROLES: Final = ec2.SubnetSelection(subnet_group_name="roles")
DATA: Final = ec2.SubnetSelection(subnet_group_name="data")
SERVICES: Final = {
    "Images": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    "Registry": ec2.InterfaceVpcEndpointAwsService.ECR,
    "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
    "Secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
}
"""What every task calls at its start; the store has an endpoint that costs nothing."""


class Network(Construct):
    """The network, with the log of its flows."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage, log: logs.ILogGroup) -> None:
        super().__init__(scope, name)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            vpc_name=stage.prefix,
            ip_addresses=ec2.IpAddresses.cidr(CIDR),
            availability_zones=stage.zones,
            nat_gateways=stage.nat_gateways,
            # The default group stays as AWS makes it, unused: to empty it takes a function with rights.
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="out", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24),
                ec2.SubnetConfiguration(
                    name="roles", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20
                ),
                ec2.SubnetConfiguration(
                    name="data", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24
                ),
            ],
        )
        writer = iam.Role(self, "FlowWriter", assumed_by=iam.ServicePrincipal("vpc-flow-logs.amazonaws.com"))
        self.vpc.add_flow_log("Flows", destination=ec2.FlowLogDestination.to_cloud_watch_logs(log, writer))
        self.store = self.vpc.add_gateway_endpoint(
            "Store", service=ec2.GatewayVpcEndpointAwsService.S3, subnets=[ROLES]
        )
        if stage.private_endpoints:
            self._add_endpoints()

    def _add_endpoints(self) -> None:
        group = ec2.SecurityGroup(
            self,
            "Endpoints",
            vpc=self.vpc,
            allow_all_outbound=False,
            description="services of AWS, from the network",
        )
        group.add_ingress_rule(ec2.Peer.ipv4(CIDR), ec2.Port.tcp(443), "tasks of all roles")
        for name, service in SERVICES.items():
            self.vpc.add_interface_endpoint(
                name, service=service, subnets=ROLES, security_groups=[group], open=False
            )
