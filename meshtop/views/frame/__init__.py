"""Building blocks of every kind: views, tables, columns, filters, sorts, details, documents."""
