"""Why Stripe says that a payment failed, in our few words (`domain.decline`).

Stripe gives an error's `code`, and for cards often the issuer's reason (`decline_code`), which says more.
Both are open lists: a word that is not here counts as declined and is logged. A test holds this table against
the words that the SDK knows, so that a new release with a new word is noticed.

Source: Stripe, "Decline codes" and "Error codes"; `stripe.PaymentIntent.LastPaymentError.code`.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

import structlog

from domain.decline import Decline

log = structlog.get_logger(__name__)

_MEANS: Mapping[Decline, str] = {
    Decline.CARD_DECLINED: """
        approve_with_id call_issuer card_declined card_velocity_exceeded do_not_honor do_not_try_again
        duplicate_transaction fraudulent generic_decline highest_risk_level elevated_risk_level
        incorrect_pin invalid_account invalid_amount invalid_pin live_mode_test_card lost_card
        merchant_blacklist new_account_information_available no_action_taken not_permitted
        offline_pin_required online_or_offline_pin_required other payment_intent_payment_attempt_failed
        payment_method_customer_decline payment_method_provider_decline pickup_card pin_try_exceeded
        refer_to_customer reported_stolen restricted_card revocation_of_all_authorizations
        revocation_of_authorization rule security_violation service_not_allowed setup_attempt_failed
        stolen_card stop_payment_order testmode_decline transaction_not_allowed
        bank_account_declined bank_account_restricted bank_account_unusable debit_not_authorized
        india_recurring_payment_mandate_canceled payment_intent_mandate_invalid
        payment_method_bank_account_blocked setup_intent_mandate_invalid
    """,
    Decline.INSUFFICIENT_FUNDS: """
        insufficient_funds withdrawal_count_limit_exceeded
        charge_exceeds_source_limit charge_exceeds_transaction_limit
    """,
    Decline.EXPIRED_CARD: """
        expired expired_card expired_payment_method invalid_expiry_month invalid_expiry_year
    """,
    Decline.INCORRECT_CVC: "incorrect_cvc invalid_cvc",
    Decline.INCORRECT_DETAILS: """
        incorrect_address incorrect_number incorrect_postal_code incorrect_zip invalid_number
        account_closed account_number_invalid bank_account_bad_routing_numbers no_account
        payment_method_billing_details_address_missing routing_number_invalid postal_code_invalid
        email_invalid
    """,
    Decline.AUTHENTICATION_REQUIRED: """
        authentication_required mobile_device_authentication_required payment_intent_action_required
    """,
    Decline.AUTHENTICATION_FAILED: """
        authentication_failed authentication_failure authentication_not_handled
        payment_intent_authentication_failure setup_intent_authentication_failure
        three_d_secure_authentication_not_supported three_d_secure_authentication_upstream_error
    """,
    Decline.PROCESSING_ERROR: """
        issuer_not_available processing_error reenter_transaction try_again_later
        payment_intent_payment_attempt_expired payment_intent_konbini_rejected_confirmation_number
        payment_method_provider_timeout setup_intent_setup_attempt_expired
        card_decline_rate_limit_exceeded payment_intent_rate_limit_exceeded lock_timeout rate_limit
    """,
    Decline.METHOD_UNAVAILABLE: """
        card_not_supported currency_not_supported invalid_card_type payment_intent_incompatible_payment_method
        payment_method_currency_mismatch payment_method_not_available payment_method_restricted
        payment_method_unactivated payment_method_unsupported_type sepa_unsupported_account
        setup_intent_mobile_wallet_unsupported
    """,
}
WORDS: Mapping[str, Decline] = {word: decline for decline, words in _MEANS.items() for word in words.split()}

# What we keep of a word that we do not know.
_WORD = re.compile(r"[a-z0-9_]{1,64}")


class Reason(NamedTuple):
    """Why a payment failed: our word, and Stripe's own for operators."""

    decline: Decline
    said: str | None


def reason(code: object, decline_code: object) -> Reason:
    """Say why a payment failed; the issuer's reason counts before Stripe's code."""
    said = [word for word in (decline_code, code) if isinstance(word, str) and _WORD.fullmatch(word)]
    for word in said:
        if known := WORDS.get(word):
            return Reason(known, said[0])
    log.warning("a decline of an unknown kind", words=said)
    return Reason(Decline.CARD_DECLINED, said[0] if said else None)
