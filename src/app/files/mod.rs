//! Files hold a view, a page or a lesson; questions ask for them.

pub mod animation;
pub mod dialogs;
pub mod figures;
pub mod page;
pub mod thumbnails;
pub mod view;
