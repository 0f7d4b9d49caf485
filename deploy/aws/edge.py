"""The way in: CloudFront in front of a load balancer that only CloudFront reaches, inside the network.

Both speak TLS with a certificate for the domain. The page's files come from a bucket, so that those of the
release before are still there while a new one is rolled out; everything else is the gateway's.
"""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as balancing
from aws_cdk import aws_s3 as s3
from constructs import Construct

from deploy.aws.config import Stage
from deploy.aws.firewall import GATEWAY, Firewall
from deploy.aws.network import ROLES, Network
from deploy.aws.storage import bucket

IDLE: Final = Duration.seconds(120)
"""A silent live stream has a comment each 15 s (GATEWAY_HEARTBEAT_SECONDS)."""
SILENT: Final = Duration.seconds(60)
"""CloudFront waits so long for the next byte."""
DRAIN: Final = Duration.seconds(45)
HSTS: Final = Duration.days(730)


class Edge(Construct):
    """The load balancer and CloudFront's distribution."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: Stage,
        network: Network,
        firewall: Firewall,
        logs: s3.IBucket,
        gateway: ecs.FargateService,
    ) -> None:
        super().__init__(scope, name)
        self._stage = stage
        self.balancer = balancing.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=network.vpc,
            vpc_subnets=ROLES,
            internet_facing=False,
            security_group=firewall.balancer,
            idle_timeout=IDLE,
            drop_invalid_header_fields=True,
            desync_mitigation_mode=balancing.DesyncMitigationMode.STRICTEST,
            # CloudFront has written the client's address; the balancer would add CloudFront's.
            xff_header_processing_mode=balancing.XffHeaderProcessingMode.PRESERVE,
            deletion_protection=stage.protected,
        )
        self.balancer.log_access_logs(logs, prefix="balancer")
        self.target = self._listen(gateway)
        self.page = bucket(self, "Page", stage=stage, logs=logs)
        self.distribution = self._distribution(logs)

    def _listen(self, gateway: ecs.FargateService) -> balancing.ApplicationTargetGroup:
        self.balancer.add_listener(
            "Plain",
            port=80,
            open=False,
            default_action=balancing.ListenerAction.redirect(protocol="HTTPS", port="443", permanent=True),
        )
        listener = self.balancer.add_listener(
            "Tls",
            port=443,
            open=False,
            protocol=balancing.ApplicationProtocol.HTTPS,
            ssl_policy=balancing.SslPolicy.TLS13_RES,
            certificates=[balancing.ListenerCertificate.from_arn(self._stage.certificate_arn)],
        )
        return listener.add_targets(
            "Gateway",
            port=GATEWAY,
            protocol=balancing.ApplicationProtocol.HTTP,
            targets=[gateway.load_balancer_target(container_name="gateway", container_port=GATEWAY)],
            deregistration_delay=DRAIN,
            load_balancing_algorithm_type=balancing.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
            health_check=balancing.HealthCheck(
                path="/health/ready",
                interval=Duration.seconds(10),
                timeout=Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=3,
            ),
        )

    def _distribution(self, logs: s3.IBucket) -> cloudfront.Distribution:
        gateway = origins.VpcOrigin.with_application_load_balancer(
            self.balancer,
            domain_name=self._stage.domain,
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            read_timeout=SILENT,
            keepalive_timeout=SILENT,
            vpc_origin_name=self._stage.prefix,
        )
        files = origins.OriginGroup(
            primary_origin=origins.S3BucketOrigin.with_origin_access_control(self.page),
            fallback_origin=gateway,  # it has the files of its own release
            fallback_status_codes=[403, 404],
        )
        headers = self._headers()
        return cloudfront.Distribution(
            self,
            "Distribution",
            comment=self._stage.prefix,
            domain_names=[self._stage.domain],
            certificate=acm.Certificate.from_certificate_arn(
                self, "Certificate", self._stage.cdn_certificate_arn
            ),
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=cloudfront.PriceClass.PRICE_CLASS_ALL,
            web_acl_id=self._stage.web_acl_arn or None,
            enable_logging=True,
            log_bucket=logs,
            log_file_prefix="cloudfront/",
            default_behavior=cloudfront.BehaviorOptions(
                origin=gateway,
                allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER,
                response_headers_policy=headers,
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                compress=False,  # the gateway compresses what it may; a live stream passes as it comes
            ),
            additional_behaviors={
                "/assets/*": cloudfront.BehaviorOptions(
                    origin=files,
                    allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
                    cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
                    response_headers_policy=headers,
                    viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                    compress=True,
                )
            },
        )

    def _headers(self) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            comment=f"{self._stage.prefix}: TLS alone, for two years",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=HSTS, include_subdomains=False, override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
            ),
        )
