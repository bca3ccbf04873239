extension Neighborhood {
  /// Share of this mask's pairs that `other` over the same grid leaves out: how far attention moves when one takes the
  /// other's place. 0 for equal masks; windows of one size leave out as many pairs as they add.
  ///
  /// Axes are independent, so what both masks allow is a product of sums. Complexity: O(sum of axis lengths).
  public func shareLeftOut(by other: Neighborhood) -> Double {
    let kept = zip(axes, other.axes).reduce(1.0) {
      $0 * Double($1.0.sharedPairs(with: $1.1)) / Double(max($1.0.attendedPairs, 1))
    }
    return max(1 - kept, 0)
  }

  /// The same mask with another stride.
  ///
  /// - Throws: `MaskProblem` where the stride is longer than the window.
  public func strided(_ stride: [Int]) throws(MaskProblem) -> Neighborhood {
    try Neighborhood(
      shape: shape, window: axes.map(\.window), stride: stride, dilation: dilation,
      isCausal: axes.map(\.isCausal), order: order)
  }
}

extension NeighborhoodAxis {
  /// Pairs of tokens that this axis and `other` both allow; both have the same length and dilation.
  func sharedPairs(with other: NeighborhoodAxis) -> Int {
    var shared = 0
    for group in 0..<dilation {
      let length = groupLength(group)
      for place in 0..<length {
        let places = place..<place + 1
        let mine = seen(by: places, groupLength: length)
        shared += mine.clamped(to: other.seen(by: places, groupLength: length)).count
      }
    }
    return shared
  }
}
