"""GPU instances for inference: an Auto Scaling group that ECS fills, with stopped ones in a warm pool.

A warm instance starts in a minute or two, and its disk has the images and the weights.
"""

from __future__ import annotations

import json
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from deploy.aws.config import Stage
from deploy.aws.data import Data
from deploy.aws.network import ROLES

WEIGHTS: Final = "/var/lib/sharpstream/weights"
"""On the instance's disk: the next task finds what the last one fetched."""
DISK_GIB: Final = 100
"""The image has 3 GB of CUDA libraries, the weights are up to 3 GB."""
GPU_METRIC: Final = "nvidia_smi_utilization_gpu"


class Gpus(Construct):
    """The instances, as a capacity provider of the cluster."""

    def __init__(
        self, scope: Construct, name: str, *, stage: Stage, data: Data, cluster: ecs.Cluster
    ) -> None:
        super().__init__(scope, name)
        self._stage, self._data = stage, data
        self.namespace = f"Sharpstream/{stage.name}"
        self.group = self._instances()
        self.provider = ecs.AsgCapacityProvider(
            self,
            "Provider",
            capacity_provider_name=f"{stage.prefix}-gpu",
            auto_scaling_group=self.group,
            machine_image_type=ecs.MachineImageType.AMAZON_LINUX_2,
            enable_managed_scaling=True,
            enable_managed_termination_protection=False,  # a warm pool takes no protected instances
            enable_managed_draining=True,
            target_capacity_percent=100,
            instance_warmup_period=120,
        )
        cluster.add_asg_capacity_provider(self.provider)
        self.busy = cloudwatch.Metric(
            namespace=self.namespace,
            metric_name=GPU_METRIC,
            dimensions_map={"AutoScalingGroupName": self.group.auto_scaling_group_name},
            period=Duration.minutes(1),
        )

    def _instances(self) -> autoscaling.AutoScalingGroup:
        own = self._stage.inference
        template = ec2.LaunchTemplate(
            self,
            "Template",
            instance_type=ec2.InstanceType(own.instance),
            # The newest image for ECS with NVIDIA's driver, as AWS names it when the stack is deployed.
            machine_image=ecs.EcsOptimizedImage.amazon_linux2023(ecs.AmiHardwareType.GPU),
            security_group=self._data.firewall.of["inference"],
            role=self._instance_role(),
            user_data=self._user_data(),
            require_imdsv2=True,
            http_put_response_hop_limit=1,
            detailed_monitoring=True,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        DISK_GIB, encrypted=True, volume_type=ec2.EbsDeviceVolumeType.GP3
                    ),
                )
            ],
        )
        group = autoscaling.AutoScalingGroup(
            self,
            "Instances",
            vpc=self._data.network.vpc,
            vpc_subnets=ROLES,
            launch_template=template,
            min_capacity=0,
            max_capacity=own.most,
            new_instances_protected_from_scale_in=False,
            group_metrics=[autoscaling.GroupMetrics.all()],
            update_policy=autoscaling.UpdatePolicy.rolling_update(),
        )
        if own.warm:
            group.add_warm_pool(
                pool_state=autoscaling.PoolState.STOPPED,
                min_size=own.warm,
                max_group_prepared_capacity=own.most,
                reuse_on_scale_in=True,
            )
        return group

    def _instance_role(self) -> iam.Role:
        """Return what the instance may do, and its tasks may not: join the cluster, and report its GPU."""
        role = iam.Role(
            self,
            "InstanceRole",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            description=f"{self._stage.prefix}: GPU instances",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],  # the action knows no resources; the namespace limits it
                conditions={"StringEquals": {"cloudwatch:namespace": self.namespace}},
            )
        )
        # The agent asks by it for the group's name, under which it reports; the action knows no resources.
        role.add_to_policy(iam.PolicyStatement(actions=["ec2:DescribeTags"], resources=["*"]))
        return role

    def _user_data(self) -> ec2.UserData:
        agent = {
            "agent": {"metrics_collection_interval": 60},
            "metrics": {
                "namespace": self.namespace,
                "append_dimensions": {"AutoScalingGroupName": "${aws:AutoScalingGroupName}"},
                "aggregation_dimensions": [["AutoScalingGroupName"]],
                "metrics_collected": {
                    "nvidia_gpu": {"measurement": ["utilization_gpu", "memory_used", "memory_total"]},
                },
            },
        }
        configuration = "/opt/aws/amazon-cloudwatch-agent/etc/sharpstream.json"
        data = ec2.UserData.for_linux()
        data.add_commands(
            "echo ECS_ENABLE_GPU_SUPPORT=true >> /etc/ecs/ecs.config",
            "echo ECS_AWSVPC_BLOCK_IMDS=true >> /etc/ecs/ecs.config",  # no task gets the instance's rights
            "echo ECS_WARM_POOLS_CHECK=true >> /etc/ecs/ecs.config",  # a warm instance takes no task yet
            "echo ECS_IMAGE_PULL_BEHAVIOR=prefer-cached >> /etc/ecs/ecs.config",
            f"install --directory {WEIGHTS}",
            "dnf install --assumeyes amazon-cloudwatch-agent",
            f"cat > {configuration} <<'END'\n{json.dumps(agent)}\nEND",
            "/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl"
            f" -a fetch-config -m ec2 -s -c file:{configuration}",
        )
        return data
