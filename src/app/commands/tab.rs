use serde::{Deserialize, Serialize};

use crate::app::pages::list::for_each_page;
use crate::app::widgets::about::About;

macro_rules! tabs {
    ($($Page:ident: $folder:ident, $Commands:ident, $Type:ident;)*) => {
        /// The window begins with the first page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Tab { $($Page),* }

        impl Tab {
            /// The order is that of the switch at the top.
            pub const ALL: &[Self] = &[$(Self::$Page),*];

            /// Returns what the switch says of the page.
            pub fn about(self) -> About {
                match self { $(Self::$Page => $crate::app::pages::$folder::commands::PAGE),* }
            }
        }
    };
}

for_each_page!(tabs);

impl Default for Tab {
    fn default() -> Self {
        Self::ALL[0]
    }
}
