"""Mappings of the tables of shop systems that need no reader of their own."""

from __future__ import annotations

from shoplens.feeds.mapping import FieldMapping
from shoplens.feeds.text.plain_text import word_set

PRESTASHOP = FieldMapping(
    {
        "id": ("id", "product_id"),
        "title": ("name_*", "name"),
        "photos": ("image_urls_*", "image_urls", "image"),
        "description": ("description", "summary"),
        "url": ("url_rewritten", "friendly-url"),
        "price": ("price_tax_included", "price_tax_excluded", "price_(tax_incl.)", "price_(tax_excl.)", "final_price"),
        "brand": ("manufacturer", "brand"),
        "category": ("categories_*", "category", "default_category"),
        "in_stock": ("quantity",),
        "identifiers": ("reference_*", "reference", "supplier_reference_*", "ean13", "upc", "isbn", "mpn"),
        "sold": ("active_*", "active", "status"),
    },
    ignored=word_set(
        "meta_* url_* wholesale* tax* on_sale* discount* supplier* ecotax width height depth weight delivery* "
        "low_stock* unit* available* image_alt* delete* label_* minimal* send* visibility tags_* text_* show_* "
        "id_/_name_of_shop advanced* depends* warehouse* customizable* uploadable* out_of_stock* virtual* file* "
        "number_* expiration* action_* product_creation* accessories* position"
    ),
    category_separators=">/",
    list_separators=",",
    pairs=("feature*",),
    required=(
        ("id", "product_id"), ("name_*", "name"), ("image_urls_*", "image_urls", "image"), ("active_*", "reference*"),
    ),
)  # fmt: skip
BIGCOMMERCE = FieldMapping(
    {
        "id": ("product_id", "id"),
        "title": ("product_name", "name"),
        "photos": ("product_image_file_-_*", "product_image_file*", "image_url_(import)",
                   "internal_image_url_(export)"),
        "description": ("product_description", "description"),
        "url": ("product_url",),
        "price": ("sale_price", "price"),
        "brand": ("brand_name", "brand"),
        "category": ("category", "category_details", "category_string"),
        "in_stock": ("current_stock_level", "current_stock", "stock_level"),
        "identifiers": ("product_code/sku", "sku", "product_upc/ean", "upc/ean", "gtin", "global_trade_item_number",
                        "manufacturer_part_number", "mpn"),
        "sold": ("product_visible?", "is_visible", "allow_purchases?"),
    },
    ignored=word_set(
        "item_type item product_type type bin_picking* option_set* product_weight weight product_width "
        "product_height product_depth width height depth cost_price calculated* fixed_* free_shipping "
        "product_warranty track_inventory low_stock* product_tax* page_title meta_* search_* product_image_* "
        "product_availability sort_order images gps_* brand_+_name retail_price category_id* product_inventoried "
        "product_condition* show_* minimum_* maximum_* event_* date_* redirect* stop_processing* views tax_* "
        "allow_* options inventory_* shipping_* variant_image* image_* internal_*"
    ),
    category_separators="/>",
    list_separators=";|",
    kind=("item_type|item", frozenset({"product", "p", ""}), frozenset()),
    pairs=("product_custom_fields", "custom_fields"),
    pair_separators=(";", "="),
    required=(
        ("product_id", "id"), ("product_name", "name"),
        ("product_image_file*", "image_url_(import)", "internal_image_url_(export)"),
    ),
)  # fmt: skip
WIX = FieldMapping(
    {
        "id": ("handleid", "handle"),
        "group_id": ("handleid", "handle"),
        "title": ("name",),
        "photos": ("productimageurl",),
        "description": ("description",),
        "price": ("price",),
        "brand": ("brand",),
        "category": ("collection",),
        "in_stock": ("inventory",),
        "identifiers": ("sku",),
        "sold": ("visible",),
    },
    ignored=word_set(
        "fieldtype surcharge discount* weight cost ribbon additionalinfo* customtextfield* customtext* "
        "productoptiontype*"
    ),
    list_separators=";",
    photo_base="https://static.wixstatic.com/media/",
    kind=("fieldtype", frozenset({"product"}), frozenset({"variant"})),
    option_names=tuple(f"productoptionname{n}" for n in range(1, 7)),
    option_values=tuple(f"productoptiondescription{n}" for n in range(1, 7)),
    required=(("handleid", "handle"), ("fieldtype",), ("productimageurl",)),
)  # fmt: skip
