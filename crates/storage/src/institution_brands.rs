//! How institutions look on the pages that their sellers see.

use std::collections::HashMap;

use domain::brand::Change;
use domain::{Brand, BrandChange, Colour, InstitutionId, Logo, LogoFormat};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};

use crate::error::StorageError;
use crate::executor::{Executor, Tx};
use crate::row::institution_brand::{Column, Entity, Model};

/// The institution's brand, which is empty for one that was never given any.
pub async fn find(db: &impl Executor, institution: InstitutionId) -> Result<Brand, StorageError> {
    let row = Entity::find_by_id(institution.uuid())
        .one(db.connection())
        .await?;
    row.map_or(Ok(Brand::default()), Brand::try_from)
}

/// The brands of all institutions that were given one; for the operator.
pub async fn list(db: &impl Executor) -> Result<HashMap<InstitutionId, Brand>, StorageError> {
    let rows = Entity::find().all(db.connection()).await?;
    rows.into_iter()
        .map(|row| {
            Ok((
                InstitutionId::new(row.institution_id),
                Brand::try_from(row)?,
            ))
        })
        .collect()
}

/// Writes only what changes, so that two changes of different things are both kept. An empty change touches
/// nothing.
pub async fn change(
    tx: &Tx,
    institution: InstitutionId,
    change: &BrandChange,
) -> Result<(), StorageError> {
    let mut changed = Vec::new();
    if change.colour != Change::Kept {
        changed.push(Column::Colour);
    }
    if change.logo != Change::Kept {
        changed.extend([
            Column::Logo,
            Column::LogoMediaType,
            Column::LogoWidth,
            Column::LogoHeight,
        ]);
    }
    if changed.is_empty() {
        return Ok(());
    }
    let logo = change.logo.new_value();
    let row = Model {
        institution_id: institution.uuid(),
        colour: change.colour.new_value().map(|new| i64::from(new.number())),
        logo: logo.map(|logo| logo.bytes.clone()),
        logo_media_type: logo.map(|logo| logo.format.media_type().to_owned()),
        logo_width: logo.map(|logo| i64::from(logo.width)),
        logo_height: logo.map(|logo| i64::from(logo.height)),
    };
    let over_the_old = OnConflict::column(Column::InstitutionId)
        .update_columns(changed)
        .to_owned();
    Entity::insert(row.into_active_model().reset_all())
        .on_conflict(over_the_old)
        .exec_without_returning(tx.connection())
        .await?;
    Ok(())
}

impl TryFrom<Model> for Brand {
    type Error = StorageError;

    fn try_from(row: Model) -> Result<Self, StorageError> {
        let id = InstitutionId::new(row.institution_id);
        let corrupt = |what| StorageError::corrupt("institution_brands", id, what);
        let number = |value: i64, what| u32::try_from(value).map_err(|_| corrupt(what));
        let colour = row.colour.map(|value| number(value, "colour"));
        let logo = match (
            row.logo,
            row.logo_media_type,
            row.logo_width,
            row.logo_height,
        ) {
            (None, None, None, None) => None,
            (Some(bytes), Some(media_type), Some(width), Some(height)) => Some(Logo {
                format: LogoFormat::from_media_type(&media_type)
                    .ok_or_else(|| corrupt("logo_media_type"))?,
                width: number(width, "logo_width")?,
                height: number(height, "logo_height")?,
                bytes,
            }),
            _ => return Err(corrupt("half of a logo")),
        };
        Ok(Self {
            colour: colour.transpose()?.map(Colour::from_number),
            logo,
        })
    }
}
