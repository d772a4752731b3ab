/// One attribute that a classifier can tell from a picture: a classification head.
package struct AttributeHead: Sendable, Hashable {
  /// `hair_color`
  package let name: String
  /// The classes in order: `black`, `brown`, …
  package let values: [String]

  fileprivate init<Kind: Attribute>(_ kind: Kind.Type) {
    name = kind.name
    values = kind.allCases.map(\.rawValue)
  }
}

/// The attributes that a classifier is trained on, in the order of ``Portrait/attributeIndices(style:)``.
package enum AttributeSchema {
  package static let heads: [AttributeHead] = [
    .init(Style.self), .init(FacialExpression.self), .init(Makeup.self), .init(Tan.self), .init(HairColor.self),
    .init(HairLength.self), .init(Curls.self), .init(Beard.self), .init(Glasses.self), .init(Age.self),
  ]

  /// Whether a picture in this style shows the attribute: a statue has no tan. What it does not show must neither be
  /// learned from it nor be named in its caption.
  package static func shows(_ head: AttributeHead, in style: Style) -> Bool {
    switch style {
    case .photo, .watercolor: true
    case .pixelArt: ![FacialExpression.name, Makeup.name, Age.name].contains(head.name)
    case .sketch: ![Makeup.name, Tan.name, HairColor.name].contains(head.name)
    case .zombie, .clown, .statue, .robot:
      [Style.name, FacialExpression.name, HairLength.name, Curls.name, Beard.name, Glasses.name].contains(head.name)
    }
  }
}

extension Portrait {
  /// The class of each of ``AttributeSchema/heads``, in their order.
  package func attributeIndices(style: Style) -> [Int] {
    [
      style.index, expression.index, makeup.index, tan.index, hairColor.index, hairLength.index, curls.index,
      beard.index, glasses.index, age.index,
    ]
  }

  /// One row of a table of known truth: names that never change, and values.
  package func attributes(style: Style, caption: String) -> [(name: String, value: String)] {
    let judged = zip(AttributeSchema.heads, attributeIndices(style: style)).map { head, index in
      (name: head.name, value: head.values[index])
    }
    return [(name: "person", value: String(person.id))] + judged + [
      (name: Background.name, value: background.rawValue), (name: Clothing.name, value: clothing.rawValue),
      (name: "caption", value: caption),
    ]
  }
}
