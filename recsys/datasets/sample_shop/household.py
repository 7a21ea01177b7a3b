"""Departments for what a household uses, wears and uses up."""

from recsys.datasets.sample_shop.departments import Department, shelf, words

KITCHEN = Department(
    "Kitchen",
    words("Brasa, Mornay, Ironleaf, Pellegrin, Cucina Alta, Hearthstone, Tamsin, Okane"),
    words("Classic, Chef, Essential, Forged, No. 5, Heritage, Daily, Reserve, Duo, Atelier"),
    words("professional, rustic, space-saving, dishwasher-safe"),
    (
        shelf("Cookware", "Saucepan, Casserole, Frying Pan, Wok", (22, 340), "Knives",
              "Cast Iron, Copper, Stainless Steel"),
        shelf("Knives", "Chef's Knife, Santoku, Bread Knife", (18, 290), "Boards",
              "15 cm, 20 cm, 24 cm"),
        shelf("Boards", "Cutting Board, Serving Board", (12, 110), "Knives", "Oak, Walnut, Acacia"),
        shelf("Mixers", "Stand Mixer, Hand Blender, Food Processor", (40, 620), "Bakeware",
              "Cream, Charcoal, Sea Blue"),
        shelf("Bakeware", "Loaf Tin, Baking Sheet, Pie Dish", (9, 85), "Mixers",
              "Small, Large, Set of 2"),
    ),
)  # fmt: skip

COFFEE = Department(
    "Coffee & Tea",
    words("Kaldi & Sons, Finca Aurora, North Roast, Teehaus Linde, Barra, Mokador, Quiet Cup"),
    words("Morning, Reserve, Single Origin, House, Highland, Sunrise, Slow, Nightfall, Valley"),
    words("organic, fair trade, small batch, bold"),
    (
        shelf("Coffee Machines", "Espresso Machine, Filter Machine, Moka Pot", (35, 1700),
              "Beans, Grinders", "Steel, Matte Black, Red"),
        shelf("Grinders", "Burr Grinder, Hand Grinder", (35, 520), "Beans", "Steel, Black, Wood"),
        shelf("Beans", "Coffee Beans, Espresso Beans", (8, 42), "Cups",
              "250 g, 500 g, 1 kg", "consumed"),
        shelf("Tea", "Green Tea, Black Tea, Herbal Tea", (5, 36), "Cups",
              "20 Bags, 100 g Loose Leaf, Gift Tin", "consumed"),
        shelf("Cups", "Cup Set, Mug, Teapot", (9, 95), "Tea, Beans", "Stoneware, Glass, Porcelain"),
    ),
)  # fmt: skip

HOME = Department(
    "Home",
    words("Nordvik, Casa Lume, Oak & Ember, Plainfield, Mirador, Hygga, Stille, Terrazo"),
    words("Haven, Loft, Willow, Aspen, Arc, Linea, Harbor, Meadow, Studio, Dune, Cove, Fold"),
    words("minimalist, mid-century, boho, farmhouse"),
    (
        shelf("Lamps", "Table Lamp, Floor Lamp, Pendant Lamp", (25, 420), "Side Tables",
              "Brass, Black, Opal Glass"),
        shelf("Bedding", "Duvet Cover, Pillow, Linen Sheet Set", (20, 240), "Throws & Cushions",
              "Single, Double, King"),
        shelf("Throws & Cushions", "Throw, Cushion", (12, 130), "Rugs",
              "Terracotta, Sand, Sage, Ink", "collected"),
        shelf("Rugs", "Wool Rug, Jute Rug, Runner", (45, 780), "Throws & Cushions",
              "80 x 150, 160 x 230, 200 x 300"),
        shelf("Side Tables", "Side Table, Bedside Table, Shelf", (40, 460), "Lamps",
              "Oak, Walnut, White"),
    ),
)  # fmt: skip

GARDEN = Department(
    "Garden",
    words("Thistle & Fern, Greenacre, Rootwell, Bloomhaus, Orchard Lane, Spade & Co, Mossbank"),
    words("Cottage, Terrace, Balcony, Evergreen, Heirloom, Sunny, Wild, Four Seasons, Early"),
    words("balcony, kitchen garden, pollinator-friendly, low-maintenance"),
    (
        shelf("Seeds", "Tomato Seeds, Wildflower Mix, Herb Seeds", (2, 15), "Planters, Soil",
              "Packet, Organic, Collection", "consumed"),
        shelf("Planters", "Planter, Raised Bed, Hanging Basket", (10, 190), "Soil",
              "Terracotta, Zinc, Larch"),
        shelf("Soil", "Potting Soil, Compost, Plant Food", (5, 40), "Seeds",
              "5 L, 20 L, 40 L", "consumed"),
        shelf("Garden Tools", "Pruning Shears, Hand Trowel, Spade", (9, 120), "Planters",
              "Ash Handle, Steel, Compact"),
        shelf("Garden Furniture", "Bistro Set, Bench, Sun Lounger", (70, 890), "Planters",
              "Teak, Anthracite, White"),
    ),
)  # fmt: skip

BEAUTY = Department(
    "Beauty",
    words("Solenne, Maré, Botanik, Petalia, Lys Noir, Dermavie, Honeydew, Ama & Ivy"),
    words("Velvet, Pure, Glow, Hydra, Silk, Radiance, Calm, Bloom, Renew, Bare, Nuit, Aqua"),
    words("sensitive skin, vegan, natural, luxury"),
    (
        shelf("Skin Care", "Day Cream, Serum, Cleanser, Face Oil", (8, 130), "Sun Care",
              "30 ml, 50 ml, 100 ml", "consumed"),
        shelf("Sun Care", "Sun Cream, After Sun Lotion", (7, 48), "Skin Care",
              "SPF 30, SPF 50, Travel Size", "consumed"),
        shelf("Make-Up", "Lipstick, Mascara, Foundation, Blush", (6, 68), "Skin Care",
              "Rose, Nude, Plum, Ivory", "collected"),
        shelf("Hair Care", "Shampoo, Conditioner, Hair Mask", (5, 52), "Skin Care",
              "200 ml, 400 ml, Refill", "consumed"),
        shelf("Fragrance", "Eau de Parfum, Eau de Toilette", (24, 190), "Make-Up",
              "30 ml, 50 ml, 100 ml", "collected"),
    ),
)  # fmt: skip

CLOTHING = Department(
    "Clothing",
    words("Harrow & Vale, Norrvik, Maison Clair, Stitchfield, Loam, Ander, Bluepeak, Tallow"),
    words("Everyday, Weekend, Harbor, Alder, Mill, City, Heritage, Breton, Nordic, Relaxed"),
    words("casual, office, sustainable, streetwear"),
    (
        shelf("Sweaters", "Merino Sweater, Cardigan, Hoodie", (25, 210), "Jackets",
              "Navy, Oatmeal, Forest, Charcoal", "collected"),
        shelf("Jackets", "Rain Jacket, Wool Coat, Down Jacket", (60, 480), "Sweaters",
              "Navy, Black, Camel"),
        shelf("Trousers", "Chinos, Jeans, Linen Trousers", (30, 190), "Shirts",
              "Indigo, Black, Stone", "collected"),
        shelf("Shirts", "Oxford Shirt, T-Shirt, Blouse", (14, 140), "Trousers",
              "White, Sky, Striped, Black", "collected"),
        shelf("Shoes", "Sneakers, Loafers, Ankle Boots", (45, 320), "Trousers",
              "White, Tan, Black"),
    ),
)  # fmt: skip

HOUSEHOLD = (KITCHEN, COFFEE, HOME, GARDEN, BEAUTY, CLOTHING)
