# SPDX-License-Identifier: GPL-3.0-or-later
"""What the name of a column says about its values, in a handful of languages."""

from __future__ import annotations

import re
from typing import NamedTuple


class Named(NamedTuple):
    kind: str
    confidence: float


NOTHING = Named("", 0.0)
# Tried in this order against "_words_of_the_name_". What is sensitive or secret comes before what merely sounds like it.
_PATTERNS: tuple[tuple[str, float, str], ...] = (
    (
        "secret",
        0.9,
        r"passw(or)?d|passwort|_pwd_|_pass_|passphrase|secret|_salt_|_otp_|totp|_pin_|_cvv2?_|_cvc_|api_?key|private_key|credential"
        r"|_(access|refresh|auth|session|reset|remember|confirmation|invite|push|device|csrf|api)_token_|_token_|_session_id_|_signature_|_hash_"
        r"|_digest_",
    ),
    (
        "sensitive",
        0.85,
        r"_gender_|_sex_|geschlecht|sexo|religio|ethnic|_race_|nationality|citizenship|staatsangeh|marital|civil_status|familienstand|orientation_"
        r"|sexual"
        r"|political|_party_member|union_member|diagnos|disab|disease|illness|_health_|medical|medication|allerg|blood|symptom|pregnan|vaccin|patient"
        r"|biometric|genetic|fingerprint_|criminal|convict|conviction|_weight_kg_|_height_cm_|_bmi_|_age_|_alter_",
    ),
    ("email", 0.9, r"e_?mail|_mail_|correo|courriel"),
    ("mac", 0.85, r"_mac_|mac_addr|hw_addr|hardware_addr"),
    ("ip", 0.85, r"_ip_|_ip(v?[46])?_|ip_?addr|remote_addr|client_addr|_inet_|_ips_"),
    ("url", 0.8, r"_ur[li]s?_|website|homepage|web_site|_avatar_|_photo_|_picture_|profile_image|linkedin|facebook|twitter|instagram|github_"),
    ("phone", 0.9, r"phone|_mobile_|_handy_|_fax_|_telefax_|_tel_|telefon|telefono|_cell_|_msisdn_|_sms_number_|whatsapp|movil"),
    ("iban", 0.95, r"iban"),
    ("bank", 0.85, r"_bic_|_swift_|bank_account|account_number|account_no_|kontonummer|_konto_|sort_code|routing_number|bankleitzahl|_blz_|_rib_"),
    ("card", 0.9, r"card_(no|num|number|pan)|_pan_|credit_?card|debit_card|_card_|_cards_|_cc_|_cc_num|kreditkarte|carte_"),
    (
        "national_id",
        0.9,
        r"_ssn_|social_sec|sozialvers|_svnr_|steuer_?(id|nr|nummer)|_tax_?(id|no|number|payer_id)_|_tin_|_vat_(id|no|number)_|_nir_|_insee_|_dni_"
        r"|_nie_|_nif_|_cif_|pesel|_nip_|_cpf_"
        r"|codice_fiscale|national_(id|number|insurance)|_nino_|_nhs_|personal_(id|number|code)|identity_(no|number|card)|id_card|_id_number_"
        r"|passport|reisepass|ausweis"
        r"|driver|driving_licen|fuehrerschein|licen[cs]e_(no|number|plate)|number_plate|kennzeichen|_vin_|numero_secu|insurance_(no|number)"
        r"|versicherungsnummer",
    ),
    ("birth_date", 0.9, r"birth|_dob_|_geb_|geburt|geboren|naissance|nacimiento|_bday_|nascita|urodzenia|date_of_death|_died_"),
    ("first_name", 0.9, r"first_?name|given_?name|fore_?name|_fname_|vorname|prenom|middle_?name|_nombre_|_imie_|second_name|nick_?name|spitzname"),
    ("last_name", 0.9, r"last_?name|family_?name|surname|_lname_|nachname|nom_de_famille|apellido|cognome|nazwisko|maiden"),
    (
        "username",
        0.8,
        r"user_?name|_login_(name_)?$|_(created|updated|modified|changed|deleted|approved|assigned|reviewed|edited|entered)_by_|_handle_|screen_name"
        r"|_user_id_external_|_alias_|account_name|_benutzer(name)?_|_sso_id_|_ldap_|external_(id|ref)|_oauth_",
    ),
    ("postcode", 0.9, r"post_?(al_)?code|_zip_|zip_?code|_plz_|postleitzahl|code_postal|codigo_postal|_cap_|kod_pocztowy"),
    ("city", 0.85, r"_city_|_town_|_ort_|wohnort|_stadt_|_ville_|ciudad|citta|_miasto_|_suburb_|municipality|locality|birthplace|place_of"),
    (
        "street",
        0.85,
        r"street|stra(ss|ß)e|_address_?(line)?_?\d?_|_addr_?(line)?_?\d?_|_address_|adresse|direccion|indirizzo|house_?(no|number)|hausnummer|_rue_"
        r"|_calle_|_ulica_|_apartment_",
    ),
    ("coordinates", 0.85, r"_lat_|_lon_|_lng_|latitude|longitude|_geo_|geo_?(point|loc|hash)|_location_|_coordinates?_|_position_gps_|_gps_"),
    ("region", 0.6, r"_county_|_province_|_district_|_state_province_|_bundesland_|_departement_"),
    ("salary", 0.85, r"salary|_wage|_income_|gehalt|_lohn_|_bonus_|net_worth|credit_(score|limit)|_compensation_|_pension_|salaire"),
    ("company", 0.6, r"company|_firma_|employer|organi[sz]ation_?(name)?_|_firm_|business_name|legal_name"),
    (
        "text",
        0.75,
        r"_notes?_|comment|remark|_memo_|description_of_|free_?text|_message_|_messages_|_body_|_subject_|_content_|feedback|_bio_|about_me|_review_"
        r"|_reason_|_text_|bemerkung|notiz|beschreibung"
        r"|_answer_|_question_|transcript|_complaint_|_details_|_search_|_query_|user_agent|_headers?_|_request_|_response_|_raw_|_log_|_line_"
        r"|_data_|_payload_|_meta(data)?_|_extra_|_attributes_|_properties_",
    ),
    ("file", 0.6, r"file_?name|_file_|_path_|attachment|document_name|_upload_"),
    (
        "name",
        0.8,
        r"full_?name|display_?name|contact_?(name|person)?_"
        r"|(ship|ship_to|bill|billing|shipping|recipient|receiver|sender|customer|client|user|person|employee|owner|author"
        r"|holder|cardholder|payer|payee|buyer|seller|contact|patient|guest|member|manager|agent|driver|emergency|beneficiary|account_holder)_name"
        r"|card_?holder|account_holder|_recipient_|_sender_|ansprechpartner|_nom_|_inhaber_"
        r"|(created|updated|modified|changed|deleted|approved|assigned|reviewed|signed)_by_name_|_signed_by_|_signatory_|_approver_|_author_"
        r"|_assignee_",
    ),
    (
        "code",
        0.75,
        r"status|_code_|_state_|_type_|_kind_|_category_|_currency_|_country_?(code|iso)?_|_land_|_locale_|_lang(uage)?_?(code)?_|_timezone_"
        r"|_time_zone_|_tz_|_level_|_priority_|_severity_|_channel_|_method_"
        r"|_provider_|_carrier_|_plan_|_tier_|_mode_|_direction_|_format_|_unit_|_brand_|_platform_|_stage_|_phase_|_role_|_event_?(type|name)?_"
        r"|_action_|_source_|_medium_|_campaign_|_size_|_color_|_colour_|_class_|_gateway_|_scheme_",
    ),
    (
        "amount",
        0.8,
        r"amount|_price_?|_cost_?|_total_?|_sum_|_tax_|_vat_|_fee_?|_discount_?|_rate_|_balance_|_betrag_|_preis_|_net_|_gross_|_percent(age)?_"
        r"|_ratio_|_subtotal_|_shipping_|_margin_",
    ),
    (
        "count",
        0.8,
        r"count|_qty_|quantity|_number_of_|_items_|_stock_|_attempts?_|_retries_|_size_|_bytes_|_length_|_weight_|_width_|_height_|_depth_|_version_"
        r"|_revision_|_position_|_rank_|_order_by_|_sort_|_sort_order_|_priority_"
        r"|_level_|_score_|_rating_|_stars_|_points_|_seconds_|_duration_?|_ms_|_minutes_|_hours_|_days_|_ttl_|_menge_|_anzahl_|_year_|_month_"
        r"|_week_|_limit_|_max_|_min_|_status_code_|_http_status_|_port_|_stage_|_step_|_line_no_|_seq_|_sequence_|_page_|_index_",
    ),
    (
        "product",
        0.8,
        r"_sku_|_ean_|_gtin_|_isbn_|_upc_|product_?(name|title|code|number)?_|article_(no|number|name)|item_(name|title|code)|_slug_|_title_"
        r"|_tracking_?(no|number|code)?_|_coupon_|_voucher_|_barcode_",
    ),
    (
        "time",
        0.85,
        r"_at_|_on_|_time_|_timestamp_|_ts_|_date_|_since_|_until_|_from_|_to_|created|updated|modified|deleted|expires|expiry|valid_|starts?_"
        r"|ends?_|begin|last_(seen|login|visit|used)|due_|datum|_seen_|_placed_|_paid_|_shipped_",
    ),
    (
        "flag",
        0.8,
        r"^_(is|has|was|can|should|needs|allow|use)_|enabled|disabled|active|_flag_|verified|confirmed|opt_(in|out)|subscribed|newsletter|_archived_"
        r"|_deleted_|_published_|_visible_|_default_|_primary_|_locked_|consent|_paid_",
    ),
    ("name", 0.6, r"_name_|_names_"),
    ("key", 0.7, r"_id_|_ids_|_uuid_|_guid_|_key_|_pk_|_fk_|_nr_|_no_|_ref_"),
)
_COMPILED = tuple((kind, confidence, re.compile(pattern)) for kind, confidence, pattern in _PATTERNS)
# A plain `name` in one of these tables is the name of a thing.
_THINGS = re.compile(
    r"product|categor|countr|currenc|role|permission|setting|config|migration|feature|tag|plan|warehouse|store|shop_|carrier|status|type|unit"
    r"|language"
    r"|template|queue|job_|sku|item|brand|article|content_type|channel|campaign"
)


def words_of(name: str) -> str:
    """`shipToName` and `SHIP-TO-NAME` are both `_ship_to_name_`."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    plain = split.casefold().replace("é", "e").replace("ó", "o").replace("ü", "ue").replace("ä", "ae").replace("ö", "oe")
    return "_" + "_".join(re.findall(r"[^\W_]+", plain)) + "_"


_PERSONS = re.compile(r"person|people|customer|user|patient|employee|staff|member|student|contact|client|guest|applicant|candidate|athlete|profile")
_BODY = re.compile(r"_weight_|_height_|_bmi_|_size_")


def by_name(name: str, *, table: str = "") -> Named:
    words = words_of(name)
    if _BODY.search(words) and _PERSONS.search(words_of(table.rpartition(".")[2])):
        return Named("sensitive", 0.7)
    for kind, confidence, pattern in _COMPILED:
        if pattern.search(words):
            if kind == "name" and confidence < 0.7 and _THINGS.search(words_of(table.rpartition(".")[2])):
                return Named("product", 0.6)
            return Named(kind, confidence)
    return NOTHING


def by_comment(comment: str) -> Named:
    """A comment is prose: only words that leave no doubt count."""
    words = words_of(comment)
    for kind, confidence, pattern in _COMPILED:
        if kind in PERSONAL and kind not in ("text", "file", "name", "coordinates", "region", "company") and pattern.search(words):
            return Named(kind, min(confidence, 0.75))
    return Named("sensitive", 0.75) if re.search(r"_(personal|pii|gdpr|dsgvo|sensitive|confidential|private)_", words) else NOTHING


PERSONAL = frozenset(
    [
        "secret",
        "sensitive",
        "email",
        "mac",
        "ip",
        "url",
        "phone",
        "iban",
        "bank",
        "card",
        "national_id",
        "birth_date",
        "first_name",
        "last_name",
        "name",
        "username",
        "postcode",
        "city",
        "street",
        "coordinates",
        "region",
        "salary",
        "company",
        "text",
        "file",
    ]
)
HARMLESS = frozenset(["code", "amount", "count", "product", "time", "flag", "key"])
