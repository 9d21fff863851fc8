"""What every kind is made of: views, tables, columns, filters, sorts, details, documents."""
