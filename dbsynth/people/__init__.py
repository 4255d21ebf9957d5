"""Personal data: recognised by names, replaced by personas made with Faker."""
