"""The domain types: frozen structs without I/O that every other package imports.

Every type is a frozen `msgspec.Struct`. Those that users see as JSON are declared with
`rename="camel"`, so that a field exists once and its JSON name follows from it
(INTERFACE.md, "JSON"). A number that is not known is None, never 0.
"""
