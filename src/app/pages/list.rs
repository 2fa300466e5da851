//! The list of the pages.

/// Hands every page to a macro: its name in `Tab` and `Command`, its folder, and the types of its commands and of
/// itself. A new page is a folder, its `mod` line and a line here.
macro_rules! for_each_page {
    ($make:ident) => {
        $make! {
            Explore: explore, ExploreCommand, ExplorePage;
            Train: train, TrainCommand, TrainPage;
            Models: models, ModelsCommand, ModelsPage;
            TestSets: test_sets, TestCommand, TestSetsPage;
        }
    };
}

pub(crate) use for_each_page;
