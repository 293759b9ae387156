"""The codes that the charts use, by the short names they use them under.

https://hl7.org/fhir/R4/terminologies-systems.html
"""

from larkmere.shapes import CVX, ICD10, SNOMED, Resource, coding, concept

CONDITIONS = {
    "type 2 diabetes": ("44054006", "Diabetes mellitus type 2 (disorder)", "E11.9"),
    "type 1 diabetes": ("46635009", "Diabetes mellitus type 1 (disorder)", "E10.9"),
    "hypertension": ("59621000", "Essential hypertension (disorder)", "I10"),
    "hyperlipidaemia": ("55822004", "Hyperlipidemia (disorder)", "E78.5"),
    "diabetic retinopathy": ("4855003", "Retinopathy due to diabetes mellitus (disorder)", None),
    "microalbuminuria": ("90781000119102", "Microalbuminuria due to type 2 diabetes mellitus (disorder)", None),
    "obesity": ("414916001", "Obesity (disorder)", "E66.9"),
    "prediabetes": ("15777000", "Prediabetes (finding)", None),
    "chronic kidney disease stage 3": ("433144002", "Chronic kidney disease stage 3 (disorder)", "N18.3"),
    "asthma": ("195967001", "Asthma (disorder)", "J45.9"),
    "COPD": ("13645005", "Chronic obstructive lung disease (disorder)", "J44.9"),
    "pneumonia": ("385093006", "Community acquired pneumonia (disorder)", "J18.9"),
    "myocardial infarction": ("401303003", "Acute ST segment elevation myocardial infarction (disorder)", "I21.3"),
    "coronary heart disease": ("53741008", "Coronary arteriosclerosis (disorder)", "I25.1"),
    "heart failure": ("84114007", "Heart failure (disorder)", "I50.9"),
    "atrial fibrillation": ("49436004", "Atrial fibrillation (disorder)", None),
    "ischaemic stroke": ("422504002", "Ischemic stroke (disorder)", "I63.9"),
    "hypothyroidism": ("40930008", "Hypothyroidism (disorder)", "E03.9"),
    "Graves disease": ("353295004", "Graves' disease (disorder)", "E05.0"),
    "pregnancy": ("72892002", "Normal pregnancy (finding)", None),
    "iron deficiency anaemia": ("87522002", "Iron deficiency anemia (disorder)", "D50.9"),
    "depression": ("370143000", "Major depressive disorder (disorder)", "F32.9"),
    "post-traumatic stress disorder": ("47505003", "Posttraumatic stress disorder (disorder)", "F43.1"),
    "anxiety": ("21897009", "Generalized anxiety disorder (disorder)", "F41.1"),
    "ADHD": ("406506008", "Attention deficit hyperactivity disorder (disorder)", "F90.0"),
    "bipolar disorder": ("13746004", "Bipolar disorder (disorder)", "F31.9"),
    "migraine": ("37796009", "Migraine (disorder)", "G43.9"),
    "epilepsy": ("84757009", "Epilepsy (disorder)", "G40.9"),
    "Parkinson's disease": ("49049000", "Parkinson's disease (disorder)", "G20"),
    "Alzheimer's disease": ("26929004", "Alzheimer's disease (disorder)", "G30.9"),
    "otitis media": ("65363002", "Otitis media (disorder)", "H66.9"),
    "atopic dermatitis": ("24079001", "Atopic dermatitis (disorder)", "L20.9"),
    "psoriasis": ("9014002", "Psoriasis (disorder)", "L40.9"),
    "acne": ("88616000", "Acne vulgaris (disorder)", "L70.0"),
    "neonatal jaundice": ("387712008", "Neonatal jaundice (disorder)", "P59.9"),
    "anaphylaxis": ("39579001", "Anaphylaxis (disorder)", "T78.2"),
    "osteoporosis": ("64859006", "Osteoporosis (disorder)", "M81.9"),
    "hip fracture": ("359817006", "Closed fracture of hip (disorder)", "S72.0"),
    "knee osteoarthritis": ("239873007", "Osteoarthritis of knee (disorder)", "M17.9"),
    "forearm fracture": ("65966004", "Fracture of forearm (disorder)", "S52.9"),
    "cruciate ligament injury": ("444470001", "Injury of anterior cruciate ligament (disorder)", "S83.5"),
    "ankle sprain": ("44465007", "Sprain of ankle (disorder)", "S93.4"),
    "hand laceration": ("284549007", "Laceration of hand (disorder)", "S61.9"),
    "concussion": ("62106007", "Concussion with no loss of consciousness (disorder)", "S06.0"),
    "low back pain": ("278860009", "Chronic low back pain (finding)", "M54.5"),
    "rheumatoid arthritis": ("69896004", "Rheumatoid arthritis (disorder)", "M06.9"),
    "gout": ("90560007", "Gout (disorder)", "M10.9"),
    "breast cancer": ("254837009", "Malignant neoplasm of breast (disorder)", "C50.9"),
    "appendicitis": ("85189001", "Acute appendicitis (disorder)", "K35.8"),
    "reflux disease": ("235595009", "Gastroesophageal reflux disease (disorder)", "K21.9"),
    "colon polyp": ("68496003", "Polyp of colon (disorder)", "K63.5"),
    "Crohn's disease": ("34000006", "Crohn's disease (disorder)", "K50.9"),
    "coeliac disease": ("396331005", "Celiac disease (disorder)", "K90.0"),
    "prostate enlargement": ("266569009", "Benign prostatic hyperplasia (disorder)", "N40"),
    "kidney stone": ("95570007", "Kidney stone (disorder)", "N20.0"),
    "urinary tract infection": ("68566005", "Urinary tract infectious disease (disorder)", "N39.0"),
    "polycystic ovary syndrome": ("237055002", "Polycystic ovary syndrome (disorder)", "E28.2"),
    "endometriosis": ("129103003", "Endometriosis (disorder)", "N80.9"),
    "glaucoma": ("23986001", "Glaucoma (disorder)", "H40.9"),
    "cataract": ("193570009", "Cataract (disorder)", "H26.9"),
    "hearing loss": ("60700002", "Sensorineural hearing loss (disorder)", None),
    "sore throat": ("43878008", "Streptococcal sore throat (disorder)", "J02.0"),
    "chronic sinusitis": ("40055000", "Chronic sinusitis (disorder)", "J32.9"),
    "COVID-19": ("840539006", "Disease caused by severe acute respiratory syndrome coronavirus 2 (disorder)", "U07.1"),
    "pulmonary embolism": ("59282003", "Pulmonary embolism (disorder)", "I26.9"),
    "sleep apnoea": ("78275009", "Obstructive sleep apnea syndrome (disorder)", "G47.3"),
    "sickle cell trait": ("16402000", "Sickle cell trait (disorder)", "D57.3"),
    "chronic hepatitis B": ("61977001", "Chronic type B viral hepatitis (disorder)", "B18.1"),
}

ALLERGIES = {
    "peanut": ("91935009", "Allergy to peanut (finding)", "food"),
    "egg": ("91930004", "Allergy to egg protein (finding)", "food"),
    "shellfish": ("300913006", "Shellfish allergy (finding)", "food"),
    "penicillin": ("91936005", "Allergy to penicillin (finding)", "medication"),
    "sulfonamide": ("91939003", "Allergy to sulfonamide (finding)", "medication"),
    "latex": ("300916003", "Latex allergy (finding)", "environment"),
    "grass pollen": ("418689008", "Allergy to grass pollen (finding)", "environment"),
    "house dust mite": ("232350006", "House dust mite allergy (finding)", "environment"),
    "animal dander": ("232347008", "Dander (animal) allergy (finding)", "environment"),
}
NO_KNOWN_ALLERGY = coding(SNOMED, "716186003", "No known allergy (situation)")

REACTIONS = {
    "anaphylaxis": ("39579001", "Anaphylaxis"),
    "hives": ("126485001", "Urticaria"),
    "rash": ("271807003", "Eruption of skin"),
    "wheeze": ("56018004", "Wheezing"),
    "runny nose": ("61582004", "Allergic rhinitis"),
    "swelling": ("41291007", "Angioedema"),
}

PROCEDURES = {
    "appendicectomy": ("80146002", "Appendectomy"),
    "colonoscopy": ("73761001", "Colonoscopy"),
    "coronary angioplasty": ("415070008", "Percutaneous coronary intervention"),
    "coronary angiography": ("33367005", "Coronary angiography"),
    "hip replacement": ("52734007", "Total replacement of hip"),
    "lumpectomy": ("392021009", "Lumpectomy of breast"),
    "caesarean section": ("11466000", "Cesarean section"),
    "cataract extraction": ("54885007", "Extraction of cataract"),
    "suture of wound": ("288086009", "Suture open wound"),
    "physiotherapy": ("91251008", "Physical therapy procedure"),
    "cognitive behavioural therapy": ("228557008", "Cognitive and behavioral therapy"),
    "pulmonary rehabilitation": ("15081005", "Pulmonary rehabilitation"),
    "plaster cast": ("274474001", "Bone immobilization"),
    "adrenaline injection": ("313191000", "Injection of adrenaline"),
    "cardioversion": ("180325003", "Electrical cardioversion"),
    "hearing test": ("398171003", "Hearing examination"),
}

VACCINES = {
    "6-in-1": ("132", "DTaP-IPV-HIB-HEP B, historical"),
    "rotavirus": ("119", "rotavirus, monovalent"),
    "MenB": ("163", "meningococcal B, OMV"),
    "PCV13": ("133", "Pneumococcal conjugate PCV 13"),
    "MMR": ("03", "MMR"),
    "influenza": ("140", "Influenza, seasonal, injectable, preservative free"),
    "HPV": ("165", "HPV9"),
    "Tdap": ("115", "Tdap"),
    "Td": ("113", "Td (adult) preservative free"),
    "PPV23": ("33", "pneumococcal polysaccharide vaccine, 23 valent"),
    "zoster": ("187", "zoster recombinant"),
    "COVID-19": ("213", "SARS-COV-2 (COVID-19) vaccine, UNSPECIFIED"),
}

VISIT_TYPES = {
    "check-up": ("185349003", "Encounter for check up"),
    "follow-up": ("390906007", "Follow-up encounter"),
    "problem": ("185345009", "Encounter for symptom"),
    "emergency": ("50849002", "Emergency room admission"),
    "admission": ("32485007", "Hospital admission"),
    "well child": ("410620009", "Well child visit"),
    "antenatal": ("424619006", "Prenatal visit"),
    "consultation": ("11429006", "Consultation"),
    "video": ("448337001", "Telemedicine consultation with patient"),
}


def condition_code(name: str) -> Resource:
    """The concept of a condition: SNOMED CT, and ICD-10 where one code says the same."""
    code, display, icd = CONDITIONS[name]
    codings = [coding(SNOMED, code, display)]
    if icd:
        codings.append(coding(ICD10, icd))
    return concept(*codings, text=name[0].upper() + name[1:])


def vaccine_code(name: str) -> Resource:
    code, display = VACCINES[name]
    return concept(coding(CVX, code, display), text=name)
