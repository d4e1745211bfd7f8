//! How an institution looks on the pages that its sellers see.

use sea_orm_migration::prelude::{
    DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, async_trait,
};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(
        elided_lifetimes_in_paths,
        reason = "the trait is declared without the lifetime"
    )]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(manager, UP).await
    }
}

/// A table of its own, because an institution is read with every call and its logo with few pages. A colour is
/// the number `0xrrggbb`.
const UP: &str = r"
CREATE TABLE institution_brands (
    institution_id {uuid} NOT NULL CONSTRAINT institution_brands_pkey PRIMARY KEY
        CONSTRAINT institution_brands_institution_fkey REFERENCES institutions (id),
    colour {int} CONSTRAINT institution_brands_colour_check CHECK (colour BETWEEN 0 AND 16777215),
    logo {bytes} CONSTRAINT institution_brands_logo_size_check CHECK (LENGTH(logo) BETWEEN 1 AND 8192),
    logo_media_type TEXT CONSTRAINT institution_brands_media_type_check CHECK (
        logo_media_type IN ('image/png', 'image/jpeg', 'image/webp')
    ),
    logo_width {int} CONSTRAINT institution_brands_width_check CHECK (logo_width BETWEEN 16 AND 1024),
    logo_height {int} CONSTRAINT institution_brands_height_check CHECK (logo_height BETWEEN 16 AND 1024),
    CONSTRAINT institution_brands_logo_check CHECK (
        (logo IS NULL AND logo_media_type IS NULL AND logo_width IS NULL AND logo_height IS NULL)
        OR (logo IS NOT NULL AND logo_media_type IS NOT NULL AND logo_width IS NOT NULL AND logo_height IS NOT NULL)
    )
) {strict}
";
