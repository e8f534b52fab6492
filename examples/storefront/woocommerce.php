<?php
/**
 * WooCommerce: put this into functions.php of a child theme. The shortcode [shoplens] is the search; below a product,
 * similar products are shown. The ids of products are their SKUs, as in Shoplens' WooCommerce reader.
 */
const SHOPLENS_ENDPOINT = 'https://search.shop.example';
const SHOPLENS_KEY = 'sl_YOUR_KEY';

function shoplens_element(string $sku = ''): string {
    $product = $sku === '' ? '' : sprintf(' product-id="%s"', esc_attr($sku));
    return sprintf(
        '<script type="module" src="%1$s/web/element.js"></script><shoplens-search endpoint="%1$s" api-key="%2$s"%3$s></shoplens-search>',
        esc_url(SHOPLENS_ENDPOINT), esc_attr(SHOPLENS_KEY), $product
    );
}
add_shortcode('shoplens', fn () => shoplens_element());
add_action('woocommerce_after_single_product_summary', function () {
    global $product;
    if ($product && $product->get_sku()) echo shoplens_element($product->get_sku());
}, 15);
