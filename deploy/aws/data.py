"""The stack of all that holds data, and of the network around it: deployed first, and rarely changed."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from deploy.aws.config import Stage
from deploy.aws.database import Database
from deploy.aws.encryption import Keys
from deploy.aws.firewall import ONCE, Firewall
from deploy.aws.kafka import Kafka
from deploy.aws.network import ROLES, Network
from deploy.aws.records import Records
from deploy.aws.registry import Registry
from deploy.aws.secret_values import Secrets
from deploy.aws.storage import Storage


class Data(Stack):
    """Network, Kafka, Postgres, the store, secrets, images."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage, is_open: bool, **options: Any) -> None:
        super().__init__(scope, name, **options)
        self.keys = Keys(self, "Keys", stage=stage)
        self.records = Records(self, "Records", stage=stage, key=self.keys.records)
        self.network = Network(self, "Network", stage=stage, log=self.records.group("Flows"))
        self.firewall = Firewall(self, "Firewall", stage=stage, vpc=self.network.vpc)
        self.secrets = Secrets(self, "Secrets", stage=stage, key=self.keys.secrets)
        self.kafka = Kafka(
            self,
            "Kafka",
            stage=stage,
            vpc=self.network.vpc,
            firewall=self.firewall,
            key=self.keys.servers,
            secrets=self.secrets,
            log=self.records.group("Kafka"),
            is_open=is_open,
        )
        postgres_log = self.records.group("Postgres", f"/aws/rds/instance/{stage.prefix}/postgresql")
        self.database = Database(
            self,
            "Database",
            stage=stage,
            vpc=self.network.vpc,
            firewall=self.firewall,
            key=self.keys.servers,
            secrets=self.secrets,
        )
        self.database.node.add_dependency(postgres_log)  # or RDS makes one that keeps all for ever
        self.storage = Storage(self, "Storage", stage=stage, key=self.keys.store)
        self.registry = Registry(self, "Registry", stage=stage)
        CfnOutput(self, "Bucket", value=self.storage.name)
        CfnOutput(self, "AuthoritiesSecret", value=self.secrets.authorities.secret_arn)
        CfnOutput(self, "FirstAdminSecret", value=self.secrets.first_admin.secret_name)
        # What `aws ecs run-task` asks for, for the tasks that run once.
        subnets = self.network.vpc.select_subnets(subnet_group_name=ROLES.subnet_group_name).subnet_ids
        CfnOutput(self, "Subnets", value=",".join(subnets))
        for task in ONCE:
            CfnOutput(self, f"{task.title()}Group", value=self.firewall.of[task].security_group_id)
