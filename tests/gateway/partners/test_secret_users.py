"""Users of Kafka as secrets of AWS: what is asked of AWS, checked by botocore's own model of its services."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from botocore.session import get_session
from botocore.stub import Stubber

from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import load
from gateway.partners.secret_users import SecretsRefusedError, SecretUsers
from gateway.settings import KafkaUsersSettings

CLUSTER = "arn:aws:kafka:eu-central-1:111111111111:cluster/sharpstream-dev/aaaa-bbbb-1"
NAME = "AmazonMSK_sharpstream-dev_partner.acme"
SECRET = f"arn:aws:secretsmanager:eu-central-1:111111111111:secret:{NAME}-AbCdEf"
KEY = "arn:aws:kms:eu-central-1:111111111111:key/1"
TEXT = json.dumps({"username": "partner.acme", "password": "p"})
GONE = {"ClusterArn": CLUSTER, "SecretArnList": [SECRET]}


class Aws:
    """Clients of both services, whose answers a test queues with the request that it expects."""

    def __init__(self) -> None:
        self.stubs: dict[str, Stubber] = {}
        self.users = SecretUsers(KafkaUsersSettings(cluster_arn=CLUSTER, kms_key_id=KEY), self.connect)

    def connect(self, service: str, region: str):
        assert region == "eu-central-1"
        client = get_session().create_client(
            service, region_name=region, aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.stubs[service] = Stubber(client)
        self.stubs[service].activate()
        return client

    def secrets(self, call: str, answer: dict, asked: dict) -> None:
        self.stubs["secretsmanager"].add_response(call, answer, asked)

    def msk(self, call: str, answer: dict, asked: dict = GONE) -> None:
        self.stubs["kafka"].add_response(call, answer, asked)


@pytest.fixture
def aws() -> Iterator[Aws]:
    aws = Aws()
    yield aws
    for stub in aws.stubs.values():
        stub.assert_no_pending_responses()


def test_a_new_user_is_a_secret_that_is_associated(aws: Aws) -> None:
    asked = {"Name": NAME, "KmsKeyId": KEY, "SecretString": TEXT}
    aws.secrets("create_secret", {"ARN": SECRET}, asked)
    aws.msk("batch_associate_scram_secret", {"ClusterArn": CLUSTER, "UnprocessedScramSecrets": []})
    aws.users.set_password("partner.acme", "p")


def exists(aws: Aws) -> None:
    aws.stubs["secretsmanager"].add_client_error("create_secret", "ResourceExistsException")
    aws.secrets("put_secret_value", {"ARN": SECRET}, {"SecretId": NAME, "SecretString": TEXT})  # fmt: skip
    unprocessed = {"SecretArn": SECRET, "ErrorCode": "x", "ErrorMessage": "why not"}
    aws.msk("batch_associate_scram_secret", {"UnprocessedScramSecrets": [unprocessed]})


def test_a_new_password_is_a_new_value_of_a_secret_that_is_associated_already(aws: Aws) -> None:
    exists(aws)
    aws.msk("list_scram_secrets", {"SecretArnList": [SECRET]}, {"ClusterArn": CLUSTER})
    aws.users.set_password("partner.acme", "p")


def test_a_user_that_msk_does_not_take_is_an_error(aws: Aws) -> None:
    exists(aws)
    aws.msk("list_scram_secrets", {"SecretArnList": []}, {"ClusterArn": CLUSTER})
    with pytest.raises(SecretsRefusedError, match="why not"):
        aws.users.set_password("partner.acme", "p")


def test_a_removed_user_is_disassociated_first(aws: Aws) -> None:
    aws.secrets("describe_secret", {"ARN": SECRET}, {"SecretId": NAME})
    aws.msk("batch_disassociate_scram_secret", {"ClusterArn": CLUSTER})
    aws.secrets("delete_secret", {"ARN": SECRET}, {"SecretId": SECRET, "ForceDeleteWithoutRecovery": True})
    aws.users.forget("partner.acme")


def test_a_user_that_is_gone_is_fine(aws: Aws) -> None:
    aws.stubs["secretsmanager"].add_client_error("describe_secret", "ResourceNotFoundException")
    aws.users.forget("partner.acme")


@pytest.mark.parametrize("call", ["set_password", "forget"])
def test_a_refusal_says_no_password(aws: Aws, call: str) -> None:
    first = {"set_password": "create_secret", "forget": "describe_secret"}[call]
    aws.stubs["secretsmanager"].add_client_error(first, "AccessDeniedException", "not you")
    with pytest.raises(SecretsRefusedError, match="not you") as raised:
        getattr(aws.users, call)("partner.acme", *(["secret-word"] if call == "set_password" else []))
    assert "secret-word" not in str(raised.value)


@pytest.mark.parametrize(
    "environment",
    [
        {"KAFKA_USERS_CLUSTER_ARN": CLUSTER},
        {"KAFKA_USERS_KMS_KEY_ID": KEY},
        {"KAFKA_USERS_CLUSTER_ARN": "sharpstream-dev", "KAFKA_USERS_KMS_KEY_ID": KEY},
    ],
)
def test_half_a_setting_stops_the_start(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(ConfigurationError, match="KAFKA_USERS"):
        load(KafkaUsersSettings)


def test_nothing_is_users_of_kafka_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_USERS_CLUSTER_ARN", "")
    monkeypatch.setenv("KAFKA_USERS_KMS_KEY_ID", "")
    assert load(KafkaUsersSettings).cluster_arn is None
