"""Data is reached from nowhere but the roles that need it, and requests come by CloudFront alone."""

from __future__ import annotations

import json
import re

from deploy.aws.firewall import DATABASE, KAFKA, OUTSIDE, POSTGRES
from deploy.aws.tests.conftest import Deployment

BUS = {"gateway", "relay", "webhooks", "partners", "inference", "export", "ledger", "topics", "users"}


def group(reference: object) -> str:
    """Return the name of a security group in our code, from a reference to it."""
    found = re.search(r"Firewall([A-Z][a-z]+)[0-9A-F]{8}", json.dumps(reference))
    assert found, reference
    return found[1].lower()


def who_reaches(deployment: Deployment, server: str) -> dict[str, int]:
    """Return who may connect to a server, and to which port."""
    return {
        group(rule["SourceSecurityGroupId"]): rule["FromPort"]
        for rule in deployment.of_type("AWS::EC2::SecurityGroupIngress").values()
        if group(rule["GroupId"]) == server
    }


def test_three_zones_and_data_without_a_way_out(each: Deployment) -> None:
    subnets = each.of_type("AWS::EC2::Subnet")
    zones = {subnet["AvailabilityZone"] for subnet in subnets.values()}
    assert (len(subnets), len(zones)) == (9, 3)
    assert not any(subnet["MapPublicIpOnLaunch"] for name, subnet in subnets.items() if "out" not in name)
    for name, route in each.of_type("AWS::EC2::Route").items():
        assert "data" not in name
        if "roles" in name:
            assert "NatGatewayId" in route
    assert len(each.of_type("AWS::EC2::NatGateway")) == each.stage.nat_gateways
    assert len(each.of_type("AWS::EC2::FlowLog")) == 1


def test_kafka_is_reached_by_the_roles_alone(each: Deployment) -> None:
    assert who_reaches(each, "kafka") == dict.fromkeys(BUS, KAFKA)


def test_postgres_is_reached_by_its_roles_alone(each: Deployment) -> None:
    assert "inference" not in DATABASE
    assert who_reaches(each, "database") == dict.fromkeys(DATABASE, POSTGRES)


def test_the_gateway_is_reached_by_the_balancer_alone(each: Deployment) -> None:
    assert who_reaches(each, "gateway") == {"balancer": 8080}
    for role in BUS - {"gateway"}:
        assert who_reaches(each, role) == {}


def test_no_group_lets_the_world_in(each: Deployment) -> None:
    for name, one in each.of_type("AWS::EC2::SecurityGroup").items():
        for rule in one.get("SecurityGroupIngress", []):
            assert rule.get("CidrIp") != "0.0.0.0/0", name
            assert rule.get("CidrIpv6") is None, name
    rules = [
        rule
        for name, one in each.of_type("AWS::EC2::SecurityGroup").items()
        if "FirewallBalancer" in name
        for rule in one["SecurityGroupIngress"]
    ]
    rules += [
        rule
        for rule in each.of_type("AWS::EC2::SecurityGroupIngress").values()
        if "SourcePrefixListId" in rule
    ]
    sources = {(rule.get("SourcePrefixListId", "network"), rule["FromPort"]) for rule in rules}
    own = each.stage.cloudfront_prefix_list
    assert sources == {(own, 443), ("network", 80), ("network", 443)}
    assert len(rules) == 3  # the list counts as 55 of a group's 60


def test_roles_that_call_no_customers_address_go_out_by_tls_alone(each: Deployment) -> None:
    for name, one in each.of_type("AWS::EC2::SecurityGroup").items():
        found = re.search(r"Firewall([A-Z][a-z]+)[0-9A-F]{8}$", name)
        if not found or found[1].lower() not in BUS - OUTSIDE:
            continue
        ports = {rule["FromPort"] for rule in one["SecurityGroupEgress"] if rule.get("CidrIp") == "0.0.0.0/0"}
        assert ports == {443}, name


def test_the_balancer_is_inside_and_speaks_tls(each: Deployment) -> None:
    balancer = each.one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["Scheme"] == "internal"
    attributes = {one["Key"]: one["Value"] for one in balancer["LoadBalancerAttributes"]}
    assert attributes["routing.http.xff_header_processing.mode"] == "preserve"
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["deletion_protection.enabled"] == str(each.stage.protected).lower()
    assert int(attributes["idle_timeout.timeout_seconds"]) > 15  # GATEWAY_HEARTBEAT_SECONDS
    listeners = {one["Port"]: one for one in each.of_type("AWS::ElasticLoadBalancingV2::Listener").values()}
    assert listeners[80]["DefaultActions"][0]["RedirectConfig"]["Protocol"] == "HTTPS"
    assert "TLS13" in listeners[443]["SslPolicy"]
    assert listeners[443]["Certificates"] == [{"CertificateArn": each.stage.certificate_arn}]


def test_cloudfront_is_in_front_of_both(each: Deployment) -> None:
    config = each.one("AWS::CloudFront::Distribution")["DistributionConfig"]
    assert config["Aliases"] == [each.stage.domain]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    behaviour = config["DefaultCacheBehavior"]
    assert behaviour["ViewerProtocolPolicy"] == "redirect-to-https"
    assert set(behaviour["AllowedMethods"]) >= {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
    (assets,) = config["CacheBehaviors"]
    assert assets["PathPattern"] == "/assets/*"
    assert sum("VpcOriginConfig" in origin for origin in config["Origins"]) >= 1
    assert not any(origin.get("CustomOriginConfig") for origin in config["Origins"])
    headers = each.one("AWS::CloudFront::ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]
    assert headers["SecurityHeadersConfig"]["StrictTransportSecurity"]["AccessControlMaxAgeSec"] > 31_536_000
