"""Departments for what people do for pleasure."""

from recsys.datasets.sample_shop.departments import Department, shelf, words

PHOTO = Department(
    "Photo",
    words("Halden, Orisk, Lumeva, Tessaro, Kaminari, Brightwell, Noctiq, Veldt Optics"),
    words("A1, A7, Pro II, Traveller, Mark III, One, R50, Vista, Compact, Studio, S2, X-Line"),
    words("travel, studio, wildlife, vlogging"),
    (
        shelf("Cameras", "Mirrorless Camera, Full-Frame Camera", (420, 2600), "Lenses, Bags"),
        shelf("Lenses", "35 mm Lens, 50 mm Lens, Zoom Lens, Macro Lens", (160, 1900), "Tripods"),
        shelf("Tripods", "Tripod, Monopod, Gimbal", (25, 420), "Bags, Lighting"),
        shelf("Bags", "Camera Backpack, Shoulder Bag, Sling", (30, 260), "Tripods"),
        shelf("Lighting", "Flash, LED Panel, Softbox", (35, 540), "Lenses"),
    ),
)

AUDIO = Department(
    "Audio",
    words("Sonder, Aurelle, Kestrel, Wavelane, Murmur, Boreal Sound, Tonica, Ostrava"),
    words("Air, Flow, 300, 700, Echo, Prime, Nova, Session, Mini, Grand, Drift, Live"),
    words("hi-fi, portable, monitor, retro"),
    (
        shelf("Headphones", "Headphones, Wireless Headphones", (45, 620), "Cables & Stands"),
        shelf("Earbuds", "Earbuds, Sport Earbuds", (25, 290), "Portable Speakers"),
        shelf("Portable Speakers", "Portable Speaker, Party Speaker", (30, 380), "Earbuds"),
        shelf("Turntables", "Turntable, Record Player", (120, 980), "Hi-Fi Speakers"),
        shelf("Hi-Fi Speakers", "Bookshelf Speakers, Soundbar", (150, 1900), "Cables & Stands"),
        shelf("Cables & Stands", "Audio Cable, Headphone Stand, Speaker Stand", (9, 120)),
    ),
)

OUTDOORS = Department(
    "Outdoors",
    words("Fjordline, Cairn, Larkspur, Tundra Works, Ridgeway, Palisade, Wolfram, Sierra Nine"),
    words("Trail, Summit, Featherlight, Basecamp, Nomad, Traverse, Storm, Polar, Scout, Ridge"),
    words("ultralight, family camping, winter, bikepacking"),
    (
        shelf("Tents", "2-Person Tent, 3-Person Tent, Tarp", (90, 780), "Sleeping, Camp Kitchen"),
        shelf("Sleeping", "Sleeping Bag, Quilt, Sleeping Mat", (45, 460), "Packs", "Moss, Rust"),
        shelf("Camp Kitchen", "Gas Stove, Cook Set, Flask", (12, 190), "Sleeping", "Steel, Olive"),
        shelf("Packs", "40 L Pack, 60 L Pack, Day Pack", (40, 340), "Footwear", "Slate, Ochre"),
        shelf("Footwear", "Hiking Boots, Trail Shoes", (70, 330), "Packs", "Brown, Grey, Green"),
    ),
)

CYCLING = Department(
    "Cycling",
    words("Velaro, Spindrift, Cadenza, Torq & Co, Montclair, Pavé, Kettu, Roadrunner Mills"),
    words("Aero, Sprint, Endura, Commute, Race, Gran Fondo, City, Alpine, Tempo, Classic"),
    words("road, gravel, commuting, mountain"),
    (
        shelf("Bikes", "Road Bike, Gravel Bike, City Bike", (480, 3900), "Helmets, Lights, Tools"),
        shelf("Helmets", "Helmet, Urban Helmet", (35, 290), "Jerseys"),
        shelf("Lights", "Front Light, Light Set, Rear Light", (14, 160), "Helmets"),
        shelf("Jerseys", "Jersey, Bib Shorts, Rain Jacket", (30, 260), "Lights", kind="collected"),
        shelf("Tools", "Multi-Tool, Floor Pump, Repair Kit", (9, 130), "Lights", "Steel, Black"),
    ),
)

BOOKS = Department(
    "Books",
    words(
        "Ines Vardal, Tomas Okafor, Mirela Santos, J. P. Harrow, Aiko Brandt, Leonie Duarte, "
        "Sam Whitlock, Nadia Ferrant, Oskar Lind, Priya Raman, Celeste Moreau, Edwin Achebe"
    ),
    words(
        "The Silent, A Distant, The Last, The Paper, Our Winter, Beyond the, The Salt, Another, "
        "One More, The Northern, A Borrowed, The Glass, No Ordinary, The Hidden, A Quiet, Every"
    ),
    words("page-turner, literary, award-winning, illustrated"),
    (
        shelf("Crime", "Harbour, Witness, Alibi, Verdict, Frost, Inspector", (7, 26), "Thrillers",
              "Paperback, Hardcover", "collected"),
        shelf("Thrillers", "Signal, Border, Protocol, Hour, Courier", (7, 26), "Crime",
              "Paperback, Hardcover", "collected"),
        shelf("Fantasy", "Crown, Dragon, Kingdom, Oath, Lantern", (8, 32), "Science Fiction",
              "Paperback, Hardcover, Boxed Set", "collected"),
        shelf("Science Fiction", "Orbit, Colony, Machine, Star, Archive", (8, 30), "Fantasy",
              "Paperback, Hardcover", "collected"),
        shelf("Cookbooks", "Table, Kitchen, Garden, Oven, Market", (14, 48), "",
              "Hardcover, Illustrated Edition", "collected"),
        shelf("History", "Empire, Revolution, Voyage, Republic", (12, 44), "",
              "Paperback, Hardcover", "collected"),
    ),
    by_authors=True,
)  # fmt: skip

GAMES = Department(
    "Toys & Games",
    words("Meeple House, Tinkerwood, Pockit, Rookery Games, Lumo Kids, Bramble, Ninefold"),
    words("Island, Castle, Galaxy, Forest, Harbor, Circus, Robot, Desert, Dino, Express"),
    words("cooperative, two-player, educational, family classic"),
    (
        shelf("Board Games", "Board Game, Strategy Game", (16, 95), "Card Games, Puzzles",
              "Base Game, Expansion, Deluxe", "collected"),
        shelf("Card Games", "Card Game, Dice Game", (7, 34), "Board Games",
              "Base Game, Expansion, Pocket", "collected"),
        shelf("Puzzles", "Puzzle, 3D Puzzle", (8, 60), "Board Games",
              "500 Pieces, 1000 Pieces, 2000 Pieces", "collected"),
        shelf("Building Sets", "Building Set, Marble Run", (15, 190), "Wooden Toys",
              "120 Pieces, 300 Pieces, Starter"),
        shelf("Wooden Toys", "Wooden Train, Stacker, Play Set", (9, 120), "Building Sets",
              "Natural, Rainbow, Pastel"),
    ),
)  # fmt: skip

LEISURE = (PHOTO, AUDIO, OUTDOORS, CYCLING, BOOKS, GAMES)
