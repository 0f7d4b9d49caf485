"""Kafka, Postgres and the store are what the roles expect: encrypted, replicated, private, and kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from deploy.aws.kafka import NOT_ON_MSK, PROPERTIES
from deploy.aws.tests.conftest import Deployment

ROOT = Path(__file__).parents[3]
SERVER = dict(
    line.split("=", 1)
    for line in (ROOT / "deploy" / "kafka" / "server.properties").read_text().splitlines()
    if line and not line.startswith("#")
)
OF_ONE_NODE = re.compile(
    r"^(process|node|controller|listener|listeners|advertised|inter|sasl|authorizer|super|log\.dirs|log\.flush|"
    r"allow|group\.initial)"
)
"""Listeners and users, which MSK makes itself, and what one node needs: to sync, and no wait for others."""


def test_kafka_has_the_properties_that_the_roles_need() -> None:
    needed = {key for key in SERVER if not OF_ONE_NODE.match(key)}
    assert needed == (PROPERTIES.keys() | NOT_ON_MSK) - {"unclean.leader.election.enable"}
    same = {key for key in PROPERTIES.keys() & SERVER.keys() if PROPERTIES[key] == SERVER[key]}
    assert same >= {"auto.create.topics.enable", "offsets.retention.minutes", "socket.request.max.bytes"}


def test_kafka_is_encrypted_private_and_three_times_there(each: Deployment) -> None:
    cluster = each.one("AWS::MSK::Cluster")
    assert cluster["NumberOfBrokerNodes"] % 3 == 0
    assert len(cluster["BrokerNodeGroupInfo"]["ClientSubnets"]) == 3
    assert cluster["BrokerNodeGroupInfo"]["ConnectivityInfo"]["PublicAccess"] == {"Type": "DISABLED"}
    assert cluster["EncryptionInfo"]["EncryptionInTransit"] == {"ClientBroker": "TLS", "InCluster": True}
    assert cluster["EncryptionInfo"]["EncryptionAtRest"]["DataVolumeKMSKeyId"]
    assert cluster["ClientAuthentication"]["Sasl"] == {"Scram": {"Enabled": True}}
    assert cluster["ClientAuthentication"]["Unauthenticated"] == {"Enabled": False}
    written = each.one("AWS::MSK::Configuration")["ServerProperties"]
    assert "allow.everyone.if.no.acl.found=false\n" in written
    assert "min.insync.replicas=2\n" in written


def test_every_user_of_kafka_is_one_of_msk(each: Deployment) -> None:
    users = each.one("AWS::MSK::BatchScramSecret")["SecretArnList"]
    assert len(users) == 8  # the owner and seven roles
    of_users = [
        secret
        for secret in each.of_type("AWS::SecretsManager::Secret").values()
        if secret["Name"].startswith("AmazonMSK_")
    ]
    assert len(of_users) == 8
    assert all("KmsKeyId" in secret for secret in of_users)  # MSK takes none with AWS's own key


def test_postgres_is_encrypted_private_and_kept(each: Deployment) -> None:
    own = each.stage.database
    instances = list(each.of_type("AWS::RDS::DBInstance").values())
    (first,) = (one for one in instances if "SourceDBInstanceIdentifier" not in one)
    assert len(instances) == 1 + own.replicas
    assert (first["Engine"], first["EngineVersion"]) == ("postgres", "18")
    assert first["StorageEncrypted"] is True
    assert first["MultiAZ"] is own.multi_az
    assert first["BackupRetentionPeriod"] == own.backup_days
    for one in instances:
        assert one["PubliclyAccessible"] is False
        assert one["DeletionProtection"] is each.stage.protected
    assert each.one("AWS::RDS::DBParameterGroup")["Parameters"]["rds.force_ssl"] == "1"


def objects(each: Deployment) -> dict:
    (found,) = (b for name, b in each.of_type("AWS::S3::Bucket").items() if name.startswith("StorageObjects"))
    return found


def test_the_store_is_encrypted_private_and_swept(each: Deployment) -> None:
    bucket = objects(each)
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    rules = bucket["LifecycleConfiguration"]["Rules"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)
    assert [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule] == ["uploads/"]
    (cors,) = bucket["CorsConfiguration"]["CorsRules"]
    assert cors["AllowedOrigins"] == [f"https://{each.stage.domain}"]
    assert set(cors["AllowedMethods"]) == {"GET", "HEAD", "PUT"}
    for one in each.of_type("AWS::S3::Bucket").values():
        assert all(one["PublicAccessBlockConfiguration"].values())


def test_the_store_refuses_plain_connections_and_other_encryption(each: Deployment) -> None:
    (policy,) = (
        p for n, p in each.of_type("AWS::S3::BucketPolicy").items() if n.startswith("StorageObjects")
    )
    denied = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
    conditions = json.dumps([statement["Condition"] for statement in denied])
    assert '"aws:SecureTransport": "false"' in conditions
    assert '"s3:x-amz-server-side-encryption": "aws:kms"' in conditions
    assert "s3:x-amz-server-side-encryption-aws-kms-key-id" in conditions


def test_what_a_protected_stage_holds_outlives_its_stacks(each: Deployment) -> None:
    kept = {"AWS::S3::Bucket", "AWS::MSK::Cluster", "AWS::KMS::Key", "AWS::SecretsManager::Secret"}
    for name, resource in each.documents["data"]["Resources"].items():
        if resource["Type"] in kept:
            expected = "Retain" if each.stage.protected else "Delete"
            assert resource["DeletionPolicy"] == expected, name
        if (
            resource["Type"] == "AWS::RDS::DBInstance"
            and "SourceDBInstanceIdentifier" not in resource["Properties"]
        ):
            assert resource["DeletionPolicy"] == ("Snapshot" if each.stage.protected else "Delete")


def test_images_are_scanned_and_keep_their_tags(each: Deployment) -> None:
    repositories = each.of_type("AWS::ECR::Repository").values()
    assert len(repositories) == 4
    for repository in repositories:
        assert repository["ImageTagMutability"] == "IMMUTABLE"
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}


def test_every_log_group_is_encrypted_and_ends(each: Deployment) -> None:
    groups = each.of_type("AWS::Logs::LogGroup")
    assert len(groups) >= 11
    for name, group in groups.items():
        assert group["RetentionInDays"] == each.stage.log_days, name
        assert "KmsKeyId" in group, name


@pytest.mark.parametrize(
    "role", ["gateway", "relay", "webhooks", "partners", "export", "ledger", "inference"]
)
def test_every_role_has_a_service_that_comes_back_from_a_bad_release(
    production: Deployment, role: str
) -> None:
    services = {one["ServiceName"]: one for one in production.of_type("AWS::ECS::Service").values()}
    breaker = services[role]["DeploymentConfiguration"]["DeploymentCircuitBreaker"]
    assert breaker == {"Enable": True, "Rollback": True}
    if role == "gateway":
        assert services[role]["LoadBalancers"][0]["ContainerPort"] == 8080
