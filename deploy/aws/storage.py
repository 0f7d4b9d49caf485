"""S3: the bucket of photos, splats and exports, and the one of access logs."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.aws import contract
from deploy.aws.config import Stage

UNUSED_UPLOADS_DAYS: Final = 2
"""An upload is good for GATEWAY_UPLOAD_SECONDS, an hour, and copied when it is used."""
_SSE: Final = "s3:x-amz-server-side-encryption"


def bucket(
    scope: Construct, name: str, *, stage: Stage, logs: s3.IBucket | None, expires: Duration | None = None
) -> s3.Bucket:
    """Return a private bucket with S3's own keys; without ``logs`` it is one for access logs itself."""
    return s3.Bucket(
        scope,
        name,
        encryption=s3.BucketEncryption.S3_MANAGED,  # load balancers and CloudFront write logs with no other
        enforce_ssl=True,
        minimum_tls_version=1.2,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        # CloudFront hands its logs over by a list of rights; no other bucket has one.
        object_ownership=(
            s3.ObjectOwnership.BUCKET_OWNER_ENFORCED if logs else s3.ObjectOwnership.BUCKET_OWNER_PREFERRED
        ),
        server_access_logs_bucket=logs,
        server_access_logs_prefix=f"{name.lower()}/" if logs else None,
        lifecycle_rules=[s3.LifecycleRule(expiration=expires)] if expires else None,
        removal_policy=removal(stage),
    )


def arn(name: str, objects: str | None = None) -> str:
    """Return the ARN of a bucket, or of objects in it."""
    return f"arn:aws:s3:::{name}" if objects is None else f"arn:aws:s3:::{name}/{objects}"


def removal(stage: Stage) -> RemovalPolicy:
    """Return what happens to data when its stack is deleted."""
    return RemovalPolicy.RETAIN if stage.protected else RemovalPolicy.DESTROY


class Storage(Construct):
    """The buckets. ``rights`` are what a role's task may do in the bucket of objects."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage, key: kms.IKey) -> None:
        super().__init__(scope, name)
        self._stage, self._key = stage, key
        self.logs = bucket(self, "Logs", stage=stage, logs=None, expires=Duration.days(stage.log_days))
        # A name that is known before, so that no stack has to ask another for it.
        self.name = f"{stage.prefix}-objects-{Aws.ACCOUNT_ID}-{stage.region}"
        self.objects = self._objects()

    def _objects(self) -> s3.Bucket:
        objects = s3.Bucket(
            self,
            "Objects",
            bucket_name=self.name,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=self.logs,
            server_access_logs_prefix="objects/",
            # No versions: an object is never overwritten, and what an account erases has to be gone.
            versioned=False,
            lifecycle_rules=[
                s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(1)),
                s3.LifecycleRule(prefix="uploads/", expiration=Duration.days(UNUSED_UPLOADS_DAYS)),
            ],
            cors=[
                s3.CorsRule(
                    allowed_origins=[f"https://{self._stage.domain}"],
                    allowed_methods=[s3.HttpMethods.GET, s3.HttpMethods.HEAD, s3.HttpMethods.PUT],
                    allowed_headers=["content-type", "range"],
                    exposed_headers=["content-length", "content-range", "etag"],
                    max_age=3600,
                )
            ],
            removal_policy=removal(self._stage),
        )
        self._refuse(objects, "OtherEncryption", _SSE, "aws:kms")
        self._refuse(objects, "OtherKey", f"{_SSE}-aws-kms-key-id", self._key.key_arn)
        return objects

    def _refuse(self, objects: s3.Bucket, sid: str, header: str, only: str) -> None:
        """Refuse a PUT that asks for another encryption; one that asks for none gets the bucket's."""
        objects.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[objects.arn_for_objects("*")],
                conditions={"StringNotEquals": {header: only}, "Null": {header: "false"}},
            )
        )

    def rights(self, role: str) -> list[iam.PolicyStatement]:
        """Return a role's rights in the bucket of objects, as `bus.contract.role_rights` has them."""
        of_role = contract.store_rights(role)
        found = [
            self._on_objects(of_role.reads, "s3:GetObject"),
            self._on_objects(of_role.writes, "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"),
            self._with_key(
                ["kms:Decrypt"] if of_role.reads else [],
                ["kms:GenerateDataKey", "kms:Decrypt"] if of_role.writes else [],
            ),
        ]
        if of_role.lists:
            found.append(iam.PolicyStatement(actions=["s3:ListBucket"], resources=[arn(self.name)]))
        return [statement for statement in found if statement is not None]

    def _on_objects(self, prefixes: tuple[str, ...], *actions: str) -> iam.PolicyStatement | None:
        if not prefixes:
            return None
        resources = [arn(self.name, f"{prefix}*") for prefix in prefixes]
        return iam.PolicyStatement(actions=list(actions), resources=resources)

    def _with_key(self, *actions: list[str]) -> iam.PolicyStatement | None:
        wanted = sorted({action for some in actions for action in some})
        if not wanted:
            return None
        return iam.PolicyStatement(
            actions=wanted,
            resources=[self._key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"s3.{self._stage.region}.amazonaws.com"}},
        )
