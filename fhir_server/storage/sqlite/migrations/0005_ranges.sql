-- Numbers and quantities that are ranges, by their end. The others are found by their value.
CREATE INDEX number_wide ON number (entry, high, low) WHERE high - low > 0;

CREATE INDEX quantity_wide ON quantity (entry, high, low) WHERE high - low > 0;
