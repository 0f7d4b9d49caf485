"""Users of Kafka on Amazon MSK, which knows no others than secrets of AWS Secrets Manager.

A user is a secret ``AmazonMSK_<cluster>_<user>`` with its name and password, associated with the cluster. MSK
reads it again by itself: a new user can sign in after about a minute, a changed password counts within ten.
botocore blocks, so its caller is a thread. Must not decide what a user may do (`gateway.partners.grants`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import get_session

from bus.runtime.errors import TransientError
from gateway.settings import KafkaUsersSettings

_CONFIG: Final = Config(connect_timeout=5, read_timeout=15, retries={"max_attempts": 3, "mode": "standard"})


class SecretsRefusedError(TransientError):
    """Secrets Manager or MSK did not carry out a request; a retry may succeed."""

    code = "temporarily_unavailable"


class SecretUsers:
    """Makes and removes users. Every method raises `SecretsRefusedError`."""

    def __init__(
        self, settings: KafkaUsersSettings, connect: Callable[[str, str], Any] | None = None
    ) -> None:
        """``connect``: (service, region) -> client; botocore's own unless a test has another."""
        if settings.cluster_arn is None:
            raise ValueError("only where KAFKA_USERS_CLUSTER_ARN is set")
        self._arn, self._key = settings.cluster_arn, settings.kms_key_id
        # arn:aws:kafka:REGION:ACCOUNT:cluster/NAME/ID
        region, self._name = self._arn.split(":")[3], self._arn.split("/")[1]
        connect = connect or _connect
        self._secrets, self._msk = connect("secretsmanager", region), connect("kafka", region)

    def secret_of(self, user: str) -> str:
        """Return the name of a user's secret."""
        return f"AmazonMSK_{self._name}_{user}"

    def set_password(self, user: str, password: str) -> None:
        """Make the user, or change its password."""
        text = json.dumps({"username": user, "password": password})
        try:
            self._associate(self._written(self.secret_of(user), text))
        except (ClientError, BotoCoreError) as error:
            raise _refused(error, user) from error

    def forget(self, user: str) -> None:
        """Remove the user; a missing one is fine."""
        try:
            try:
                arn = self._secrets.describe_secret(SecretId=self.secret_of(user))["ARN"]
            except self._secrets.exceptions.ResourceNotFoundException:
                return
            # One that is no longer associated is reported, not raised: a repeat goes on from here.
            self._msk.batch_disassociate_scram_secret(ClusterArn=self._arn, SecretArnList=[arn])
            self._secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
        except (ClientError, BotoCoreError) as error:
            raise _refused(error, user) from error

    def _written(self, name: str, text: str) -> str:
        try:
            made = self._secrets.create_secret(Name=name, KmsKeyId=self._key, SecretString=text)
        except self._secrets.exceptions.ResourceExistsException:
            made = self._secrets.put_secret_value(SecretId=name, SecretString=text)
        arn: str = made["ARN"]
        return arn

    def _associate(self, arn: str) -> None:
        answer = self._msk.batch_associate_scram_secret(ClusterArn=self._arn, SecretArnList=[arn])
        failed = answer.get("UnprocessedScramSecrets", [])
        if failed and not self._is_associated(arn):
            raise SecretsRefusedError(f"MSK did not take a user: {failed[0].get('ErrorMessage')}")

    def _is_associated(self, arn: str) -> bool:
        pages = self._msk.get_paginator("list_scram_secrets").paginate(ClusterArn=self._arn)
        return any(arn in page["SecretArnList"] for page in pages)


def _connect(service: str, region: str) -> Any:
    return get_session().create_client(service, region_name=region, config=_CONFIG)


def _refused(error: Exception, user: str) -> SecretsRefusedError:
    # botocore's sentences name the action and the resource, never what was sent.
    return SecretsRefusedError(f"The user {user} was not changed at AWS: {error}", user=user)
