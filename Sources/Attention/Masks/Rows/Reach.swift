/// What a range of queries attends to: the keys that some query sees, and the keys common to all.
///
/// For intersections and unions both are only bounded; `seen` and `common` are then lower bounds, and the bounds meet
/// for a single query. Whoever needs more than the bounds tell splits the range of queries.
struct Reach: Sendable {
  var seen: KeyRuns
  var common: KeyRuns
  /// Upper bounds; nil where `seen` and `common` are exact.
  var atMost: (seen: KeyRuns, common: KeyRuns)?

  init(seen: KeyRuns, common: KeyRuns) {
    self.seen = seen
    self.common = common
  }

  private init(seen: (KeyRuns, KeyRuns), common: (KeyRuns, KeyRuns)) {
    self.seen = seen.0
    self.common = common.0
    if seen.0 != seen.1 || common.0 != common.1 { atMost = (seen.1, common.1) }
  }

  var seenAtMost: KeyRuns { atMost?.seen ?? seen }
  var commonAtMost: KeyRuns { atMost?.common ?? common }

  /// A key common to one and seen in the other is seen in both by some one query.
  func intersection(_ b: Reach) -> Reach {
    Reach(
      seen: (
        common.intersection(b.seen).union(seen.intersection(b.common)),
        seenAtMost.intersection(b.seenAtMost)
      ),
      common: (common.intersection(b.common), commonAtMost.intersection(b.commonAtMost)))
  }

  /// A key common to the union is common to one, or seen in the other by those queries that lack it in the first.
  func union(_ b: Reach) -> Reach {
    Reach(
      seen: (seen.union(b.seen), seenAtMost.union(b.seenAtMost)),
      common: (
        common.union(b.common),
        commonAtMost.union(b.seenAtMost).intersection(seenAtMost.union(b.commonAtMost))
      ))
  }
}
