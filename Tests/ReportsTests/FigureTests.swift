import Foundation
import HWModels
import Testing

@testable import Attention
@testable import Dataflow
@testable import Programs
@testable import Reports
@testable import Results
@testable import Schedules
@testable import Simulator
@testable import Spatial

@Suite("Figures")
struct FigureTests {
  @Test("The roofline")
  func roofline() throws {
    let svg = RooflineFigure.svg(try Sample.result())
    try Picture.check(svg, "roofline.svg")
    try Golden.check(svg, "roofline.svg")
    Picture.expectXML(RooflineFigure.svg(try Sample.result(), embedded: true))
  }

  @Test("A roofline of a memory-bound call, of many near ceilings, and of next to nothing")
  func rooflineExtremes() throws {
    var decode = try Sample.result()
    decode.bounds = [
      .init(resource: .dram, time: Duration(400e-6), ceiling: 3e12, unit: "B/s", amount: 1.2e9),
      .init(resource: .l2, time: Duration(200e-6), ceiling: 6e12, unit: "B/s", amount: 1.2e9),
      .init(resource: .tensor, time: Duration(2e-6), ceiling: 800e12, unit: "flop/s", amount: 1.6e9),
    ]
    try Picture.check(RooflineFigure.svg(decode), "roofline-decode.svg")
    var near = try Sample.result()
    near.bounds = Resource.allCases.enumerated().map { place, resource in
      let memory = [.shared, .l2, .dram, .tensorMemory].contains(resource)
      let time = 300e-6 * (1 + 0.01 * Double(place))
      return .init(
        resource: resource, time: Duration(time), ceiling: memory ? 5e12 : 700e12,
        unit: memory ? "B/s" : resource == .tensor ? "flop/s" : "op/s",
        amount: time * (memory ? 5e12 : 700e12))
    }
    try Picture.check(RooflineFigure.svg(near), "roofline-near.svg")
    near.bounds = []
    try Picture.check(RooflineFigure.svg(near), "roofline-none.svg")
  }

  @Test("A call whose mask leaves no pair has its bounds, and no numbers that are none")
  func noPairs() throws {
    let shape = try AttentionShape(
      batch: 1, headsQ: 4, seqQ: 256, headDim: 64,
      mask: Mask(parsing: "block_sparse:128x128:density=0:seed=1"))
    var result = try Sample.result(
      request: .init(schedule: "fa2", shape: shape, device: try Sample.request().device))
    result.bounds = [
      .init(resource: .dram, time: Duration(2e-6), ceiling: 3e12, unit: "B/s", amount: 6e6),
      .init(resource: .tensor, time: Duration(0), ceiling: 800e12, unit: "flop/s", amount: 0),
    ]
    #expect(result.usefulFlops == 0)
    try Picture.check(RooflineFigure.svg(result), "roofline-no-pairs.svg")
    let text = TextReport.render(result, style: TextStyle(width: 96, colour: false))
    #expect(text.contains("the mask needs none"))
    for text in [text, RooflineFigure.svg(result)] {
      for word in [" inf ", "nan", ">inf"] { #expect(!text.contains(word), "\(word)") }
    }
  }

  @Test("Labels keep their distance and their order")
  func spread() {
    #expect(LabelSpread.places([10, 50], gap: 10, in: 0...100) == [10, 50])
    #expect(LabelSpread.places([50, 50], gap: 10, in: 0...100) == [45, 55])
    #expect(LabelSpread.places([2, 1], gap: 10, in: 0...100) == [15, 5])
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let wanted = (0..<8).map { _ in Double.random(in: -20...120, using: &random) }
      let places = LabelSpread.places(wanted, gap: 10, in: 0...100).sorted()
      for (a, b) in zip(places, places.dropFirst()) { #expect(b - a >= 9.999, "\(wanted)") }
      #expect(places[0] >= 4.999, "\(wanted)")
    }
  }

  @Test("Text is escaped, numbers are short")
  func writer() {
    #expect(SVGWriter.escaped("a<b>&\"'\u{1}\n") == "a&lt;b&gt;&amp;&quot;&#39;\u{FFFD}&#10;")
    #expect(SVGWriter.number(1.0) == "1")
    #expect(SVGWriter.number(-0.001) == "0")
    #expect(SVGWriter.number(1.256) == "1.26")
    #expect(SVGWriter.number(.nan) == "0")
  }
}
