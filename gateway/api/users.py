"""Accounts: register, sign in, who am I."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email
from litestar import Router, get, post
from litestar.params import JSONBody

from gateway.api.documented import BY_PERSON, SIGN_IN_CODES, problems
from gateway.api.schemas.accounts import LoginIn, LoginOut, MeOut, RegisterIn, RegisterOut
from gateway.auth import Caller
from gateway.errors import ApiError
from gateway.passwords import require_acceptable
from gateway.services import Using


@post(
    "/register",
    operation_id="register",
    summary="Make an account",
    responses=problems(
        "malformed", "email_taken", "email_invalid", "password_unsuitable", "validation_failed"
    ),
)
async def register(data: JSONBody[RegisterIn], services: Using) -> RegisterOut:
    """Make an account with an e-mail address and a password."""
    email = normal_email(data.email)
    require_acceptable(data.password, email)
    account = await services.accounts.create(
        email=email,
        password_hash=await services.passwords.hash(data.password),
        first_name=data.first_name.strip(),
        last_name=data.last_name.strip(),
    )
    if account is None:
        raise ApiError("email_taken", "There is an account with this address already; sign in instead.")
    return RegisterOut(id=account.id, email=account.email, first_name=account.first_name)


@post(
    "/login",
    operation_id="login",
    status_code=200,
    summary="Sign in",
    responses=problems("malformed", "credentials_invalid", "account_inactive", "validation_failed"),
)
async def login(data: JSONBody[LoginIn], services: Using) -> LoginOut:
    """Exchange address and password for a short-lived access token."""
    account = await services.accounts.by_email(data.email.strip())
    fits = await services.passwords.verify(data.password, account.password_hash if account else None)
    if account is None or not fits:
        raise ApiError("credentials_invalid", "The e-mail address or the password is wrong.")
    if not account.is_active:
        raise ApiError("account_inactive", "The account is closed.")
    return LoginOut(
        access_token=services.tokens.issue(account.id, account.role),
        token_type="bearer",  # noqa: S106
        expires_in=services.tokens.seconds,
    )


@get(
    "/me",
    operation_id="me",
    summary="Who am I",
    security=BY_PERSON,
    responses=problems(*SIGN_IN_CODES, "account_inactive", "sign_in_required"),
)
async def me(request: Caller, services: Using) -> MeOut:
    """Return the signed-in person."""
    account = await services.accounts.by_id(request.user.account_id)
    if account is None or not account.is_active:
        raise ApiError("account_inactive", "The account is closed.")
    return MeOut(
        id=account.id,
        email=account.email,
        first_name=account.first_name,
        last_name=account.last_name,
        role=account.role,
    )


def normal_email(address: str) -> str:
    """Return the address in its one written form. Raises `ApiError` email_invalid with the reason."""
    try:
        return validate_email(address.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        fields = [{"field": "email", "message": str(error)}]
        raise ApiError("email_invalid", f"The e-mail address is not valid: {error}", fields=fields) from error


ROUTER = Router("/users", route_handlers=[register, login, me], tags=["users"])
