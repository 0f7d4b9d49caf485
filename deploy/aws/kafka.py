"""Amazon MSK: three zones, TLS, users by SASL/SCRAM, volumes that grow.

MSK has no super users. Until the first rights are given (``-c kafka=open``, docs/operations/aws.md) a
resource that no rights name is open to every user; afterwards it is open to none.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_msk as msk
from aws_cdk import custom_resources as custom
from constructs import Construct

from deploy.aws.config import Stage
from deploy.aws.firewall import Firewall
from deploy.aws.network import DATA
from deploy.aws.secret_values import Secrets

PROPERTIES: Final = {
    "auto.create.topics.enable": "false",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "unclean.leader.election.enable": "false",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "offsets.retention.minutes": "5256000",
    "num.io.threads": "16",
    "socket.request.max.bytes": "8388608",
}
"""As deploy/kafka/server.properties, with three replicas, as far as MSK lets us."""
NOT_ON_MSK: Final = frozenset(
    {
        "group.max.size",
        "producer.id.expiration.ms",
        "producer.id.expiration.check.interval.ms",
        "quota.window.size.seconds",
        "quota.window.num",
        "offsets.topic.num.partitions",
        "transaction.state.log.num.partitions",
        "share.coordinator.state.topic.num.partitions",
        "share.coordinator.state.topic.replication.factor",
        "share.coordinator.state.topic.min.isr",
    }
)
"""What MSK keeps at Kafka's defaults. A partner's share of the brokers is limited by quotas all the same."""
STORAGE_PERCENT: Final = 60
"""A volume grows beyond this; MSK lets one grow every six hours."""


class Kafka(Construct):
    """The cluster and its users. ``brokers`` is what KAFKA_BOOTSTRAP_SERVERS takes."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        vpc: ec2.IVpc,
        firewall: Firewall,
        key: kms.IKey,
        secrets: Secrets,
        log: logs.ILogGroup,
        is_open: bool,
    ) -> None:
        super().__init__(scope, name)
        self.name = stage.prefix
        configuration = msk.CfnConfiguration(
            self,
            "Configuration",
            name=f"{stage.prefix}-{'open' if is_open else 'closed'}",
            server_properties=_written(PROPERTIES | {"allow.everyone.if.no.acl.found": str(is_open).lower()}),
        )
        self.cluster = self._cluster(
            stage, configuration, vpc=vpc, group=firewall.kafka, key=key, log_group_name=log.log_group_name
        )
        self.cluster.apply_removal_policy(RemovalPolicy.RETAIN if stage.protected else RemovalPolicy.DESTROY)
        self.arn = self.cluster.attr_arn
        users = msk.CfnBatchScramSecret(
            self,
            "Users",
            cluster_arn=self.arn,
            secret_arn_list=[secret.secret_arn for secret in secrets.kafka.values()],
        )
        users.node.add_dependency(secrets)  # with the policies that let MSK read them
        self.brokers = self._addresses()
        self._let_volumes_grow(stage)

    def _cluster(
        self,
        stage: Stage,
        configuration: msk.CfnConfiguration,
        *,
        vpc: ec2.IVpc,
        group: ec2.ISecurityGroup,
        key: kms.IKey,
        log_group_name: str,
    ) -> msk.CfnCluster:
        return msk.CfnCluster(
            self,
            "Cluster",
            cluster_name=self.name,
            kafka_version=stage.kafka.version,
            number_of_broker_nodes=stage.kafka.brokers,
            enhanced_monitoring=stage.kafka.monitoring,
            broker_node_group_info=msk.CfnCluster.BrokerNodeGroupInfoProperty(
                instance_type=stage.kafka.instance,
                client_subnets=vpc.select_subnets(subnet_group_name=DATA.subnet_group_name).subnet_ids,
                security_groups=[group.security_group_id],
                storage_info=msk.CfnCluster.StorageInfoProperty(
                    ebs_storage_info=msk.CfnCluster.EBSStorageInfoProperty(volume_size=stage.kafka.volume_gib)
                ),
                connectivity_info=msk.CfnCluster.ConnectivityInfoProperty(
                    public_access=msk.CfnCluster.PublicAccessProperty(type="DISABLED")
                ),
            ),
            encryption_info=msk.CfnCluster.EncryptionInfoProperty(
                encryption_at_rest=msk.CfnCluster.EncryptionAtRestProperty(
                    data_volume_kms_key_id=key.key_arn
                ),
                encryption_in_transit=msk.CfnCluster.EncryptionInTransitProperty(
                    client_broker="TLS", in_cluster=True
                ),
            ),
            client_authentication=msk.CfnCluster.ClientAuthenticationProperty(
                sasl=msk.CfnCluster.SaslProperty(scram=msk.CfnCluster.ScramProperty(enabled=True)),
                unauthenticated=msk.CfnCluster.UnauthenticatedProperty(enabled=False),
            ),
            configuration_info=msk.CfnCluster.ConfigurationInfoProperty(
                arn=configuration.attr_arn, revision=configuration.attr_latest_revision_revision
            ),
            logging_info=msk.CfnCluster.LoggingInfoProperty(
                broker_logs=msk.CfnCluster.BrokerLogsProperty(
                    cloud_watch_logs=msk.CfnCluster.CloudWatchLogsProperty(
                        enabled=True, log_group=log_group_name
                    )
                )
            ),
        )

    def _addresses(self) -> str:
        """Ask MSK for the addresses: CloudFormation has none, and they change with the number of brokers."""
        call = custom.AwsSdkCall(
            service="Kafka",
            action="getBootstrapBrokers",
            parameters={"ClusterArn": self.arn},
            physical_resource_id=custom.PhysicalResourceId.of(f"{self.name}-brokers"),
        )
        asked = custom.AwsCustomResource(
            self,
            "Addresses",
            on_create=call,
            on_update=call,
            install_latest_aws_sdk=False,
            policy=custom.AwsCustomResourcePolicy.from_sdk_calls(resources=[self.arn]),
        )
        return asked.get_response_field("BootstrapBrokerStringSaslScram")

    def _let_volumes_grow(self, stage: Stage) -> None:
        target = scaling.ScalableTarget(
            self,
            "Volumes",
            service_namespace=scaling.ServiceNamespace.KAFKA,
            resource_id=self.arn,
            scalable_dimension="kafka:broker-storage:VolumeSize",
            min_capacity=1,
            max_capacity=stage.kafka.most_gib,
        )
        target.scale_to_track_metric(
            "Used",
            predefined_metric=scaling.PredefinedMetric.KAFKA_BROKER_STORAGE_UTILIZATION,
            target_value=STORAGE_PERCENT,
            disable_scale_in=True,  # a volume never shrinks
        )


def _written(properties: dict[str, str]) -> str:
    return "".join(f"{key}={value}\n" for key, value in properties.items())
