"""Alarms to one topic for the operators, and a dashboard of the same metrics."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from deploy.aws import contract
from deploy.aws.config import Stage
from deploy.aws.data import Data
from deploy.aws.edge import Edge
from deploy.aws.inference import Inference
from deploy.aws.services import Services, lag

MINUTE: Final = Duration.minutes(1)
CLUSTER: Final = "Cluster Name"


class Watching(Construct):
    """The topic, the alarms and the dashboard."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        data: Data,
        services: Services,
        inference: Inference,
        edge: Edge,
        busy: cloudwatch.IMetric,
    ) -> None:
        super().__init__(scope, name)
        self._stage = stage
        self.topic = sns.Topic(
            self,
            "Alarms",
            topic_name=f"{stage.prefix}-alarms",
            master_key=data.keys.records,
            enforce_ssl=True,
        )
        self.topic.add_subscription(subscriptions.EmailSubscription(stage.alarm_email))
        self._requests = self._watch_requests(edge)
        self._database = self._watch_database(data)
        self._brokers = self._watch_kafka()
        self._queues = self._watch_queues(inference)
        self._watch_tasks([*services.of, "inference"])
        self._draw(busy)

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        above: float,
        what: str,
        *,
        minutes: int = 5,
        below: bool = False,
        missing_is_bad: bool = False,
    ) -> None:
        """Make an alarm that rings when the metric is above (or below) for so many minutes."""
        operator = cloudwatch.ComparisonOperator
        alarm = cloudwatch.Alarm(
            self,
            name,
            alarm_name=f"{self._stage.prefix}-{name}",
            alarm_description=what,
            metric=metric,
            threshold=above,
            comparison_operator=operator.LESS_THAN_THRESHOLD if below else operator.GREATER_THAN_THRESHOLD,
            evaluation_periods=minutes,
            datapoints_to_alarm=minutes,
            treat_missing_data=(
                cloudwatch.TreatMissingData.BREACHING
                if missing_is_bad
                else cloudwatch.TreatMissingData.NOT_BREACHING
            ),
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        alarm.add_ok_action(actions.SnsAction(self.topic))

    def _watch_requests(self, edge: Edge) -> list[cloudwatch.IMetric]:
        balancer, target = edge.balancer.metrics, edge.target.metrics
        requests = balancer.request_count(period=MINUTE, statistic="Sum")
        failed = target.http_code_target(elb.HttpCodeTarget.TARGET_5XX_COUNT, period=MINUTE, statistic="Sum")
        lost = balancer.http_code_elb(elb.HttpCodeElb.ELB_5XX_COUNT, period=MINUTE, statistic="Sum")
        share = cloudwatch.MathExpression(
            expression="100 * (FILL(failed, 0) + FILL(lost, 0)) / MAX([requests, 1])",
            using_metrics={"failed": failed, "lost": lost, "requests": requests},
            label="failed requests in percent",
            period=MINUTE,
        )
        slow = target.target_response_time(period=MINUTE, statistic="p95")
        self._alarm("errors", share, 1, "More than 1 % of the requests fail: see the gateway's log.")
        self._alarm("latency", slow, 2, "5 % of the requests wait more than 2 s for their answer to begin.")
        unhealthy = target.unhealthy_host_count(period=MINUTE, statistic="Maximum")
        self._alarm("gateways", unhealthy, 0, "A gateway does not answer /health/ready.", minutes=3)
        return [share, slow]

    def _watch_database(self, data: Data) -> list[cloudwatch.IMetric]:
        instance = data.database.instance
        cpu = instance.metric_cpu_utilization(period=MINUTE)
        free = instance.metric_free_storage_space(period=MINUTE, statistic="Minimum")
        memory = instance.metric_freeable_memory(period=MINUTE, statistic="Minimum")
        self._alarm("database-cpu", cpu, 80, "Postgres has little CPU left.", minutes=15, missing_is_bad=True)
        self._alarm(
            "database-disk", free, 5 * 2**30, "Postgres has less than 5 GiB of disk left.", below=True
        )
        self._alarm(
            "database-memory", memory, 256 * 2**20, "Postgres has less than 256 MiB free.", below=True
        )
        for number, replica in enumerate(data.database.replicas, 1):
            behind = replica.metric("ReplicaLag", period=MINUTE, statistic="Maximum")
            self._alarm(f"replica-{number}", behind, 300, "A read replica is more than 5 minutes behind.")
        return [cpu, instance.metric_database_connections(period=MINUTE)]

    def _watch_kafka(self) -> list[cloudwatch.IMetric]:
        offline = self._kafka("OfflinePartitionsCount", "Maximum")
        self._alarm("kafka-offline", offline, 0, "Partitions have no leader: writes fail.", minutes=2)
        controllers = self._kafka("ActiveControllerCount", "Maximum")
        self._alarm("kafka-controller", controllers, 1, "Kafka has no controller.", below=True)
        disks = []
        for broker in range(1, self._stage.kafka.brokers + 1):
            below = self._kafka("UnderMinIsrPartitionCount", "Maximum", broker)
            self._alarm(f"kafka-replicas-{broker}", below, 0, "Partitions lack replicas: writes wait.")
            disk = self._kafka("KafkaDataLogsDiskUsed", "Maximum", broker)
            self._alarm(f"kafka-disk-{broker}", disk, 80, "A broker's disk fills faster than it grows.")
            disks.append(disk)
        return [offline, *disks]

    def _kafka(self, name: str, statistic: str, broker: int | None = None) -> cloudwatch.Metric:
        dimensions = {CLUSTER: self._stage.prefix}
        if broker is not None:
            dimensions["Broker ID"] = str(broker)
        return cloudwatch.Metric(
            namespace="AWS/Kafka",
            metric_name=name,
            dimensions_map=dimensions,
            statistic=statistic,
            period=MINUTE,
        )

    def _watch_queues(self, inference: Inference) -> list[cloudwatch.IMetric]:
        most = 50 * self._stage.inference.most
        self._alarm("queue", inference.waiting, most, "Photos wait although all GPUs work.", minutes=15)
        events = lag(self._stage.prefix, "ledger", contract.facts()["events"], "EstimatedMaxTimeLag")
        self._alarm("ledger", events, 300, "The ledger is more than 5 minutes behind the log.", minutes=10)
        return [inference.waiting, events]

    def _watch_tasks(self, roles: list[str]) -> None:
        for role in roles:
            running, wanted = (
                cloudwatch.Metric(
                    namespace="ECS/ContainerInsights",
                    metric_name=name,
                    dimensions_map={"ClusterName": self._stage.prefix, "ServiceName": role},
                    statistic="Maximum",
                    period=MINUTE,
                )
                for name in ("RunningTaskCount", "DesiredTaskCount")
            )
            missing = cloudwatch.MathExpression(
                expression="wanted - running",
                using_metrics={"wanted": wanted, "running": running},
                label=f"{role}: tasks that do not run",
                period=MINUTE,
            )
            self._alarm(
                f"tasks-{role}", missing, 0, f"Tasks of {role} do not run: see its events.", minutes=15
            )

    def _draw(self, busy: cloudwatch.IMetric) -> None:
        board = cloudwatch.Dashboard(self, "Board", dashboard_name=self._stage.prefix)
        graphs = {
            "Requests": self._requests,
            "Queues": self._queues,
            "GPUs": [busy],
            "Postgres": self._database,
            "Kafka": self._brokers,
        }
        widgets = [
            cloudwatch.GraphWidget(title=title, left=metrics, width=12) for title, metrics in graphs.items()
        ]
        board.add_widgets(*widgets)
