"""Every word Stripe has for a failed payment means one of ours, and a new one is noticed."""

from inspect import get_annotations
from typing import Literal, Union, get_args, get_origin

import pytest
import stripe
from stripe.radar import PaymentEvaluation

from domain.decline import Decline
from providers.stripe_gateway.decline import WORDS, reason
from sandbox import card as sandbox
from sandbox.card import CARDS

# What the SDK's types list beside them and no buyer's try to pay ends with: faults of requests, accounts,
# invoices, payouts, terminals. A word of a new release is in neither list: put it where it belongs.
NOT_OF_A_BUYER = """
    account_country_invalid_address account_error_country_change_requires_additional_steps
    account_information_mismatch account_invalid account_token_required_for_v2_account
    acss_debit_session_incomplete action_blocked alipay_upgrade_required amount_too_large
    amount_too_small anomalous_money_movement_request api_key_expired application_fees_not_allowed
    approval_required balance_insufficient balance_invalid_parameter bank_account_exists
    bank_account_unverified bank_account_verification_failed billing_invalid_mandate
    bitcoin_upgrade_required capability_not_active capture_charge_authorization_expired
    capture_unauthorized_payment cardholder_phone_number_required charge_already_captured
    charge_already_refunded charge_disputed charge_expired_for_capture charge_invalid_parameter
    charge_not_refundable clearing_code_unsupported country_code_invalid country_unsupported
    coupon_expired customer_max_payment_methods customer_max_subscriptions customer_session_expired
    customer_tax_location_invalid dispute_evidence_page_limit_exceeded failed_tax_calculation
    financial_account_balance_does_not_support_currency financial_account_capability_not_enabled
    financial_account_capability_restricted financial_connections_account_inactive
    financial_connections_account_pending_account_numbers
    financial_connections_account_unavailable_account_numbers
    financial_connections_consent_locale_invalid financial_connections_consent_locale_unsupported
    financial_connections_no_successful_transaction_refresh forwarding_api_inactive
    forwarding_api_invalid_parameter forwarding_api_retryable_upstream_error
    forwarding_api_upstream_connection_error forwarding_api_upstream_connection_timeout
    forwarding_api_upstream_error idempotency_key_in_use instant_payouts_config_disabled
    instant_payouts_currency_disabled instant_payouts_limit_exceeded instant_payouts_unsupported
    intent_invalid_state intent_verification_method_missing invalid_canceled_subscription_fields
    invalid_characters invalid_charge_amount invalid_mandate_reference_prefix_format
    invalid_source_usage invalid_tax_location invoice_no_customer_line_items
    invoice_no_payment_method_types invoice_no_subscription_line_items invoice_not_editable
    invoice_on_behalf_of_not_editable invoice_payment_intent_requires_action invoice_upcoming_none
    livemode_mismatch missing not_allowed_on_standard_account out_of_inventory
    ownership_declaration_not_allowed parameter_invalid_empty parameter_invalid_integer
    parameter_invalid_string_blank parameter_invalid_string_empty parameter_missing parameter_unknown
    parameters_exclusive payment_evaluation_on_api_version_not_supported
    payment_intent_invalid_parameter payment_intent_unexpected_state
    payment_method_bank_account_already_verified payment_method_configuration_failures
    payment_method_invalid_parameter payment_method_invalid_parameter_testmode
    payment_method_microdeposit_failed payment_method_microdeposit_processing_error
    payment_method_microdeposit_verification_amounts_invalid
    payment_method_microdeposit_verification_amounts_mismatch
    payment_method_microdeposit_verification_attempts_exceeded
    payment_method_microdeposit_verification_descriptor_code_mismatch
    payment_method_microdeposit_verification_timeout payment_method_unexpected_state
    payout_reconciliation_not_ready payouts_limit_exceeded payouts_not_allowed platform_account_required
    platform_api_key_expired product_inactive progressive_onboarding_limit_exceeded
    refund_disputed_payment request_blocked resource_already_exists resource_missing
    return_intent_already_processed secret_key_required
    service_period_coupon_with_metered_tiered_item_unsupported setup_intent_invalid_parameter
    setup_intent_unexpected_state shipping_address_invalid shipping_calculation_failed siret_invalid
    sku_inactive smart_disputes_not_available state_unsupported status_transition_invalid
    storer_capability_missing storer_capability_not_active stripe_tax_inactive
    subscription_update_trial_after_billing_cycle_anchor tax_id_invalid tax_id_prohibited
    taxes_calculation_failed terminal_location_country_unsupported terminal_reader_busy
    terminal_reader_hardware_fault terminal_reader_invalid_location_for_activation
    terminal_reader_invalid_location_for_payment terminal_reader_offline terminal_reader_timeout
    testmode_charges_only tls_version_unsupported token_already_used token_card_network_invalid
    token_in_use transfer_source_balance_parameters_mismatch transfers_not_allowed url_invalid
"""

# Stripe's page of decline codes; the issuer's reasons are no type of the SDK's.
ISSUERS = """
    authentication_required authentication_not_handled approve_with_id call_issuer card_not_supported
    card_velocity_exceeded currency_not_supported do_not_honor do_not_try_again duplicate_transaction
    expired_card fraudulent generic_decline incorrect_address incorrect_cvc incorrect_number incorrect_pin
    incorrect_zip insufficient_funds invalid_account invalid_amount invalid_cvc invalid_expiry_month
    invalid_expiry_year invalid_number invalid_pin issuer_not_available live_mode_test_card lost_card
    merchant_blacklist mobile_device_authentication_required new_account_information_available
    no_action_taken not_permitted offline_pin_required online_or_offline_pin_required pickup_card
    pin_try_exceeded processing_error reenter_transaction restricted_card revocation_of_all_authorizations
    revocation_of_authorization security_violation service_not_allowed stolen_card stop_payment_order
    testmode_decline transaction_not_allowed try_again_later withdrawal_count_limit_exceeded
"""

# What a buyer must not be told apart from any other decline (PAY-29).
SECRET = [
    *("lost_card", "stolen_card", "pickup_card", "fraudulent", "merchant_blacklist", "security_violation"),
    *("restricted_card", "reported_stolen", "highest_risk_level"),
]


def listed(kind: object) -> set[str]:
    """List the words of a type that is `Literal[…]`, somewhere inside unions."""
    if get_origin(kind) is Literal:
        return set(get_args(kind))
    return {word for part in get_args(kind) for word in listed(part)} if get_origin(kind) is Union else set()


def of_errors() -> set[str]:
    return listed(get_annotations(stripe.PaymentIntent.LastPaymentError)["code"])


def of_issuers() -> set[str]:
    return listed(get_annotations(PaymentEvaluation.Outcome.Rejected.Card)["reason"])


@pytest.mark.row("PAY-29", partly="Stripe's part; the hints: tests/api")
class TestEveryWord:
    def test_each_of_the_sdks_error_codes_has_its_place(self) -> None:
        codes = of_errors()

        assert len(codes) > 200
        assert codes - WORDS.keys() == set(NOT_OF_A_BUYER.split())

    def test_each_reason_of_an_issuer_has_its_place(self) -> None:
        assert len(of_issuers()) > 10
        assert {*of_issuers(), *ISSUERS.split()} - WORDS.keys() == set()

    @pytest.mark.parametrize("decline", [card.decline for card in CARDS if card.decline])
    def test_each_test_card_that_says_no_has_its_place(self, decline: sandbox.Decline) -> None:
        assert {decline.code, decline.reason} - {None} <= WORDS.keys()

    @pytest.mark.parametrize("word", SECRET)
    def test_what_is_lost_stolen_or_suspected_reads_as_declined(self, word: str) -> None:
        assert reason("card_declined", word) == (Decline.CARD_DECLINED, word)


@pytest.mark.parametrize(
    ("code", "decline_code", "meant", "said"),
    [
        ("card_declined", "insufficient_funds", Decline.INSUFFICIENT_FUNDS, "insufficient_funds"),
        ("incorrect_cvc", None, Decline.INCORRECT_CVC, "incorrect_cvc"),
        ("expired_card", "a_new_word", Decline.EXPIRED_CARD, "a_new_word"),
        ("a_new_word", None, Decline.CARD_DECLINED, "a_new_word"),
        ("Ada's card was declined.", None, Decline.CARD_DECLINED, None),
        (None, None, Decline.CARD_DECLINED, None),
        (7, ["x"], Decline.CARD_DECLINED, None),
    ],
)
def test_the_issuers_reason_counts_first_and_odd_words_are_a_decline(
    code: object, decline_code: object, meant: Decline, said: str | None
) -> None:
    assert reason(code, decline_code) == (meant, said)
