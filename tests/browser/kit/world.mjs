// Invented people, and a store with a request in every state. The pupils are those of the demonstration's school, so that
// requests match as the names here say. What does not live here: how anything is sent (kinlink.mjs).

// A parent whose two children match exactly.
export const TURNER = {
  kind: 'new_account',
  adult: { title: 'Mrs', given_name: 'Rachel', family_name: 'Turner', email: 'rachel.turner@example.org' },
  children: [
    { given_name: 'Amelia', family_name: 'Turner', tutor_group: '7KL' },
    { given_name: 'Isla', family_name: 'Turner', tutor_group: '8TH' },
  ],
  comment: 'Isla has been at the school since September.',
  declaration: true,
};

// A request like it: `names` are the adult's given and family name, `children` are [given, family, tutor group].
export function asks([given, family], children, more = {}) {
  const folded = `${given}.${family}`.normalize('NFD').replace(/[^A-Za-z.]/g, '').toLowerCase();
  const { adult, ...rest } = more;
  return {
    kind: 'new_account',
    adult: { given_name: given, family_name: family, email: `${folded}@families.test`, ...adult },
    children: children.map(([given_name, family_name, tutor_group]) => ({
      given_name,
      family_name,
      tutor_group: tutor_group ?? null,
    })),
    declaration: true,
    ...rest,
  };
}

// Seeds a request in each state and gives their references by name.
export async function seed(kinlink) {
  const world = {};
  world.provisioned = await kinlink.pending(asks(['Gwilym', 'Williams'], [['Noah', 'Williams', '8KL']]));
  await kinlink.approve(world.provisioned);
  await kinlink.cycle();
  await kinlink.status(world.provisioned, 'provisioned');
  world.cycle = (await kinlink.admin('GET', '/cycles')).items[0].id;

  world.approved = await kinlink.pending(asks(['Meera', 'Patel'], [['Harry', 'Patel', '7MB'], ['Anika', 'Patel', '10RS']]));
  await kinlink.approve(world.approved);
  world.denied = await kinlink.pending(asks(['Deirdre', 'Gallagher'], [['Finn', 'Gallagher', '8RS']]));
  await kinlink.decide(world.denied, 'deny', { note: 'No parental responsibility.' });
  world.waiting = await kinlink.pending(asks(['Angela', 'Bennett'], [['Chloe', 'Bennett', '8MB']]));
  await kinlink.decide(world.waiting, 'ask');
  world.bogus = await kinlink.pending(asks(['Donald', 'Duckworth'], [['Huey', 'Duckworth']]));
  await kinlink.decide(world.bogus, 'bogus');
  world.unconfirmed = await kinlink.submit(asks(['Ewa', 'Wiśniewska'], [['Lukasz', 'Wisniewski', '8RS']]));

  world.email = await kinlink.pending(
    asks(['Gwilym', 'Williams'], [], { kind: 'change_email', adult: { email: 'gwilym.new@families.test' }, comment: 'My new address.' }),
  );
  world.pending = await kinlink.pending(TURNER);
  world.several = await kinlink.pending(asks(['Catherine', 'Jones'], [['Emily', 'Jones', '8MB']]));
  world.nobody = await kinlink.pending(asks(['Tobias', 'Underhill'], [['Frodo', 'Underhill', '7RS']]));
  world.arabic = await kinlink.pending(asks(['أحمد', 'العلي'], [['محمد', 'العلي', '7TH']], { adult: { email: 'ahmed.alali@families.test' } }));
  world.long = await kinlink.pending(
    asks(['Arabella-Wilhelmina-Constantia-Theodora', 'Featherstonehaugh-Cholmondeley-Wolfeschlegelsteinhausenbergerdorff'], [
      ['Maximiliana', 'Featherstonehaugh-Cholmondeley-Wolfeschlegelsteinhausenbergerdorff', '11KL'],
    ], { comment: 'W'.repeat(400), adult: { email: `${'a'.repeat(40)}@${'b'.repeat(50)}.test` } }),
  );
  return world;
}
